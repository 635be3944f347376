"""What each seed of the rollouts' benchmark draws: limits, windows, exclusions, and upgrades of which more is known."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")


def plan_of(drawn: random.Random) -> dict[str, Any]:
    """Limits and budgets in every scope."""
    choose = drawn.choice
    stages: list[dict[str, Any]] = [
        {"name": "canary", "share": choose([1, 3]), "max_failures": choose([0, 1])},
        {"name": "some", "share": "20%", "max_concurrency": choose([1, 2, "50%"])},
        {"name": "rest", "share": "rest", "deadline_hours": 400, "groups": [
            {"name": "gold", "select": "label.tier=gold", "max_concurrency": choose([1, 2, 3])}]},
    ]  # fmt: skip
    return {
        "stages": stages, "max_concurrency": choose([2, 4, "20%"]), "max_failures": choose([0, 1, 3, "10%"]),
        "per_landscape": {"max_concurrency": choose([1, 2, 3]), "max_failures": choose([0, 1, None])},
        "per_region": {"max_concurrency": choose([2, 3, "30%"]), "max_failures": choose([0, 2, None])},
        "breaker": False,
    }  # fmt: skip


def rival_of(drawn: random.Random) -> dict[str, Any]:
    """What another one wants of some of the same runtimes."""
    choose = drawn.choice
    return {
        "stages": [{"name": "rest", "deadline_hours": 200}], "max_concurrency": choose([1, 2, 5]),
        "max_failures": choose([1, "50%"]), "breaker": False,
    }  # fmt: skip


def window_of(drawn: random.Random, tenant: Any) -> tuple[str, set[str], str, str] | None:
    """Give a tenant a window, or none."""
    from controlplane.tenants.access import SYSTEM
    from provisioner.rollouts.services import Owner, add_window

    zone = drawn.choice(["", *ZONES])
    if not zone:
        return None
    owner, hour = Owner(tenant_id=tenant.id), drawn.randint(0, 20)
    begin, end = f"{hour:02}:30", f"{min(hour + drawn.randint(1, 4), 23):02}:45"
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    drawn.shuffle(days)
    days = days[: drawn.randint(2, 7)]
    add_window(actor=SYSTEM, owner=owner, days=days, begin=begin, end=end, time_zone=zone)
    return zone, set(days), begin, end


def exclusion_of(
    drawn: random.Random, now: datetime, share: float, **owner: Any
) -> list[tuple[datetime, datetime]]:
    """Written as a row: a door would say that these days are over, as by the clock on the wall they are."""
    from provisioner.rollouts.models import Exclusion

    if drawn.random() >= share:
        return []
    begin = now + timedelta(hours=drawn.uniform(-24, 72))
    end = begin + timedelta(hours=drawn.uniform(2, 72))
    Exclusion.objects.create(**owner, begins_at=begin, ends_at=end, reason="a sale", created_by="test")
    return [(begin, end)]


def known(**how: Any) -> Any:
    """Upgrades of which it is known whose target began each."""
    from tests.rolling_out import Upgrades

    class Known(Upgrades):
        targets: list[Any]

        def through_the_door(self, starts: Any) -> Any:
            answers = super().through_the_door(starts)
            bound = [start for start, one in zip(starts, answers, strict=True) if isinstance(one, UUID)]
            self.targets += [start.target_id for start in bound]
            return answers

    made = Known(**how)
    made.targets = []
    return made
