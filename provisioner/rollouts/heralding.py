"""Tells tenants beforehand that a rollout comes to their runtimes: one message each, once, with when it may begin."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction

from controlplane.kernel.errors import Refused
from controlplane.tenants.isolation.prepared import rows
from provisioner.lifecycle import upgrade_notices
from provisioner.rollouts import reading_queries
from provisioner.rollouts.models import Rollout
from provisioner.rollouts.schedules import Schedules

log = structlog.get_logger(__name__)


def tell_beforehand(now: datetime) -> int:
    """Tell of rollouts that have begun since the last look, and return to how many tenants; whoever dies in between tells again.

    A message has a key of its own, so that telling again adds none.
    """
    return sum(
        _tell_of(row["id"], row["release_key"], row["windows"], now)
        for row in rows(reading_queries.UNTOLD, {})
    )


@transaction.atomic
def _tell_of(rollout_id: UUID, release: str, windows: str, now: datetime) -> int:
    if not Rollout.objects.filter(pk=rollout_id, told_at=None).update(told_at=now):
        return 0
    by_tenant: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in rows(reading_queries.COMING, {"rollout": rollout_id}):
        by_tenant[row["tenant_id"]].append(row)
    shown = [row for found in by_tenant.values() for row in found[: upgrade_notices.MOST_NAMED]]
    schedules = Schedules.of(shown, now) if windows != "ignore" else None
    for tenant, found in by_tenant.items():
        _tell(tenant, release, _in_words(found, schedules, now), str(rollout_id))
    return len(by_tenant)


def _tell(tenant: UUID, release: str, runtimes: Sequence[Mapping[str, str]], key: str) -> None:
    """Write the messages; a tenant whose address no mail can be sent to keeps none from the others."""
    try:
        with transaction.atomic():
            upgrade_notices.tell_planned(tenant_id=tenant, release=release, runtimes=runtimes, key=key)
    except Refused as refused:
        log.warning("rollouts.tenant_not_told", tenant=str(tenant), code=refused.code)


def _in_words(
    found: Sequence[Mapping[str, Any]], schedules: Schedules | None, now: datetime
) -> list[dict[str, str]]:
    """Return them as messages have them; when they may begin only of those that are named."""
    return [
        {
            "id": str(row["runtime_id"]),
            "name": row["name"],
            "when": _when(row, schedules, now) if place < upgrade_notices.MOST_NAMED else "",
        }
        for place, row in enumerate(found)
    ]


def _when(row: Mapping[str, Any], schedules: Schedules | None, now: datetime) -> str:
    opening = schedules.opening(row, now) if schedules else None
    if opening is None or opening.begin <= now:
        return "in its turn"
    return f"not before {opening.begin:%-d %b %H:%M} UTC, when its maintenance window opens"
