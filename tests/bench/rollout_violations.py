"""Rollouts of 200 random seeds, their clocks turned by hand, and an onlooker who knows the rules but not the scheduler.

Each seed draws a fleet, a plan with limits in every scope, windows in several time zones, durations and failures. The scheduler
is killed, doubled and paused at random. What it did is read from what began and ended when, and counted anew second by second.

Every rollout comes to an end: completed, or halted with the reason. Windows of an hour or two on two days a week, one place at a
time, let some of them take weeks of simulated time.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from tests.bench.apart import measured_apart
from tests.bench.rollout_ground import entry, ground

NAMES = ("rollout_violations",)
SEEDS, RUNTIMES = 200, 20
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
LONGEST = timedelta(days=90)


def run() -> list[dict[str, Any]]:
    """Return the entry, measured in a process of its own."""
    return measured_apart("tests.bench.rollout_violations", seconds=1500)


def main() -> None:
    """Measure, and print the entry as one line of JSON."""
    with ground(durable=False) as _:
        found = [_one(seed) for seed in range(SEEDS)]
    total = Counter[str]()
    for one in found:
        total.update(one)
    broken = sum(count for name, count in total.items() if name.endswith("_violated"))
    longest = max(one["days"] for one in found)
    detail = {
        "seeds": SEEDS,
        "runtimes_each": RUNTIMES,
        **dict(sorted(total.items())),
        "longest_days": longest,
    }
    del detail["days"]
    ended = total["completed"] + total["halted_failure_budget"]
    sound = total["starts"] > SEEDS * RUNTIMES / 2 and total["halted_failure_budget"] > 0 and ended == SEEDS
    print(json.dumps([entry(NAMES[0], broken, "violations", 0, "most", detail, also=sound)]))


def _one(seed: int) -> Counter[str]:
    from django.db import transaction

    with transaction.atomic():
        found = Case(seed).run()
        transaction.set_rollback(True)
    return found


class Case:
    """One seed."""

    def __init__(self, seed: int) -> None:
        self.drawn, self.seed = random.Random(seed), seed
        self.now = datetime(2026, 3, 27, tzinfo=UTC) + timedelta(
            hours=self.drawn.uniform(0, 72)
        )  # clocks change on the 29th
        self.counts = Counter[str]()

    def run(self) -> Counter[str]:
        """Roll out, then look at what was done."""
        from provisioner.rollouts.models import Rollout
        from tests.rolling_out import Upgrades, drawn, upgrading

        rollout = self._start()
        begun = self.now
        how = drawn(self.seed, mean=7200.0, failing=self.drawn.choice([0.0, 0.01, 0.1]))
        end = self.now + LONGEST
        with upgrading(Upgrades(clock=lambda: self.now, **how), door=True) as upgrades:
            while self.now < end:
                self._look(rollout, upgrades)
                if Rollout.objects.get(pk=rollout.pk).state in {"completed", "halted"}:
                    break
                self._turn(upgrades)
        rollout.refresh_from_db()
        why = (
            "_" + rollout.hold.partition(":")[0].lower().replace(" ", "_")
            if rollout.state == "halted"
            else ""
        )
        self.counts[f"{rollout.state}{why}"] += 1
        self.counts["days"] += (self.now - begun).days
        self.counts["starts"] += len(upgrades.begun)
        self._judge(upgrades)
        return self.counts

    def _start(self) -> Any:
        from controlplane.tenants.access import SYSTEM
        from controlplane.tenants.services import create_account, create_tenant
        from provisioner.rollouts.models import Rollout
        from provisioner.rollouts.services import create_rollout, start_rollout
        from tests import world
        from tests.rolling_out import NEW, fleet

        places = [world.landscape(f"v{self.seed}-{n}") for n in range(self.drawn.randint(1, 3))]
        self.runtimes: dict[UUID, Any] = {}
        for number in range(2):
            tenant = create_tenant(actor=SYSTEM, slug=f"t{self.seed}-{number}", name="T")
            account = create_account(actor=SYSTEM, tenant=tenant, slug=f"a{number}", name="A")
            for one in fleet(account, places, RUNTIMES // 2):
                self.runtimes[one.pk] = one
            self._windows(tenant)
        limits = self._limits()
        rollout = create_rollout(actor=SYSTEM, name="v", release=NEW, selector="all", plan=limits)
        start_rollout(actor=SYSTEM, rollout_id=rollout.id)
        Rollout.objects.filter(pk=rollout.pk).update(
            tokens_at=self.now, looked_at=self.now, joined_at=self.now
        )
        return Rollout.objects.get(pk=rollout.pk)

    def _limits(self) -> dict[str, Any]:
        choose = self.drawn.choice
        stages: list[dict[str, Any]] = [
            {"name": "canary", "share": choose([1, 3]), "max_failures": choose([0, 1])},
            {"name": "some", "share": "20%", "max_concurrency": choose([1, 2, "50%"])},
            {"name": "rest", "share": "rest", "deadline_hours": 400, "groups": [
                {"name": "gold", "select": "label.tier=gold", "max_concurrency": choose([1, 2, 3])}]},
        ]  # fmt: skip
        return {
            "stages": stages, "max_concurrency": choose([2, 4, "20%"]), "max_failures": choose([0, 1, 3, "10%"]),
            "per_landscape": {"max_concurrency": choose([1, 2, 3])}, "per_region": {"max_concurrency": choose([2, 3, "30%"])},
            "breaker": False,
        }  # fmt: skip

    def _windows(self, tenant: Any) -> None:
        from controlplane.tenants.access import SYSTEM
        from provisioner.rollouts.services import Owner, add_window

        zone = self.drawn.choice(["", *ZONES])
        if zone:
            owner, hour = Owner(tenant_id=tenant.id), self.drawn.randint(0, 20)
            begin, end = f"{hour:02}:30", f"{min(hour + self.drawn.randint(1, 4), 23):02}:45"
            days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
            self.drawn.shuffle(days)
            days = days[: self.drawn.randint(2, 7)]
            add_window(actor=SYSTEM, owner=owner, days=days, begin=begin, end=end, time_zone=zone)
            self.rules = {**getattr(self, "rules", {}), tenant.id: (zone, set(days), begin, end)}

    def _look(self, rollout: Any, upgrades: Any) -> None:
        """One look, two in a row, one that dies before it orders what it decided, or none."""
        from provisioner.rollouts import ticking
        from provisioner.rollouts.models import Rollout

        fate = self.drawn.random()
        if fate < 0.08:
            ticking.tick(clock=self.now, most_starts=0)  # killed between what it decided and what it ordered
        elif fate < 0.16:
            ticking.tick(clock=self.now)
            ticking.tick(clock=self.now)
        elif fate < 0.2:
            Rollout.objects.filter(pk=rollout.pk, state="running").update(state="paused")
            ticking.tick(clock=self.now)
            Rollout.objects.filter(pk=rollout.pk, state="paused").update(state="running")
        elif fate > 0.25:
            ticking.tick(clock=self.now)

    def _turn(self, upgrades: Any) -> None:
        """Turn the clock to the next thing that happens, or by some minutes."""
        from provisioner.rollouts.models import Target

        due = [value[0] for value in upgrades.due.values()]
        if not due:
            waits = (
                Target.objects.filter(due_at__gt=self.now)
                .order_by("due_at")
                .values_list("due_at", flat=True)
                .first()
            )
            due = [waits] if waits else []
        step = self.now + timedelta(minutes=self.drawn.uniform(20, 90))
        self.now = max(step, min(due, default=step)) + timedelta(seconds=1)
        upgrades.end_due(self.now)

    def _judge(self, upgrades: Any) -> None:
        """Walk through what began and ended, and count what broke a rule."""
        from provisioner.rollouts.models import Rollout, Target

        rollout = Rollout.objects.get()
        targets = {
            one.runtime_id: one
            for one in Target.objects.select_related("lane", "stage").filter(rollout=rollout)
        }
        limits = {tuple(entry[:-1]): entry[-1] for entry in rollout.limits["concurrency"]}
        allowed = {tuple(entry[:-1]): entry[-1] for entry in rollout.limits["failures"]}
        events = [(at, 0, one, ok) for at, one, ok in upgrades.ended] + [
            (at, 1, one, True) for at, one in upgrades.begun
        ]
        at_work: Counter[Any] = Counter()
        failed: Counter[Any] = Counter()
        begun: Counter[UUID] = Counter()
        stage_left = Counter(one.stage.position for one in targets.values() if one.runtime_id in targets)
        for at, begins, runtime, ok in sorted(events, key=lambda event: (event[0], event[1])):
            scopes = self._scopes(targets[runtime])
            if not begins:
                at_work.subtract(scopes)
                failed.update(scopes if not ok else [])
                continue
            at_work.update(scopes)
            begun[runtime] += 1
            self.counts["concurrency_violated"] += any(
                at_work[one] > limits.get(one, 10**9) for one in scopes
            )
            self.counts["budget_violated"] += any(failed[one] > allowed.get(one, 10**9) for one in scopes)
            self.counts["window_violated"] += not self._in_window(runtime, at)
            self.counts["twice_violated"] += begun[runtime] > 1
        self.counts["stages"] += len(stage_left)

    def _scopes(self, target: Any) -> list[tuple[str, ...]]:
        lane, stage = target.lane, str(target.stage.position)
        return [
            ("rollout",), ("stage", stage), ("group", stage, lane.group), ("landscape", str(lane.landscape_id)),
            ("region", lane.region),
        ]  # fmt: skip

    def _in_window(self, runtime: UUID, at: datetime) -> bool:
        """Look at the clock on the wall."""
        rules: Mapping[Any, Any] = getattr(self, "rules", {})
        rule = rules.get(self.runtimes[runtime].tenant_id)
        if rule is None:
            return True
        zone, days, begin, end = rule
        there = at.astimezone(ZoneInfo(zone))
        return f"{there:%a}".lower() in days and begin <= f"{there:%H:%M}" < end


if __name__ == "__main__":
    main()
