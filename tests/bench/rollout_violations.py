"""Rollouts of 200 random seeds, their clocks turned by hand, and an onlooker who knows the rules but not the scheduler.

Each seed draws a fleet, a plan with limits and budgets in every scope, windows in several time zones, exclusions of tenants and
of runtimes, durations and failures; in some a rival wants the same runtimes. The scheduler is killed, doubled and paused at
random; where failures hold a rollout up, a person tries them again, accepts them, or leaves it. What the scheduler did is read
from what began and ended when, and counted anew second by second.

Every rollout comes to an end: completed, or halted with the reason. Windows of an hour or two on two days a week, one place at a
time, let some of them take weeks of simulated time.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID

from tests.bench.apart import measured_apart
from tests.bench.rollout_drawn import exclusion_of, known, plan_of, rival_of, window_of
from tests.bench.rollout_ground import entry, ground
from tests.bench.rollout_onlooker import BEGUN, ENDED, PARDONED, Event, Onlooker, Shut, rule_of

NAMES = ("rollout_violations",)
SEEDS, RUNTIMES = 200, 20
RIVALS, DECISIONS = 0.3, 2  # a share of the seeds; how often a person helps a rollout on
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
    drawn = ("halted_failure_budget", "exclusions", "rivals", "tried_again", "accepted", "place_over_budget")
    sound = total["starts"] > SEEDS * RUNTIMES / 2 and ended == SEEDS and all(total[name] for name in drawn)
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
        self.rollouts: list[UUID] = []
        self.shut: dict[UUID, Shut] = {}
        self.pardons: list[Event] = []
        self.decided = Counter[UUID]()
        self.mended: set[UUID] = set()
        self.upgrades = self._upgrades()

    def _upgrades(self) -> Any:
        from tests.rolling_out import drawn

        how = drawn(self.seed, mean=7200.0, failing=self.drawn.choice([0.0, 0.01, 0.1, 0.2]))
        fails = how.pop("fails")
        return known(
            clock=lambda: self.now, **how, fails=lambda one: "" if one in self.mended else fails(one)
        )

    def run(self) -> Counter[str]:
        """Roll out, then look at what was done."""
        from provisioner.rollouts.models import Rollout
        from tests.rolling_out import upgrading

        self._start()
        begun = self.now
        end = self.now + LONGEST
        with upgrading(self.upgrades, door=True), self._clocks():
            while self.now < end:
                self._look(self.rollouts[0])
                if not [one for one in self.rollouts if self._goes_on(one)]:
                    break
                self._turn()
        for number, rollout in enumerate(Rollout.objects.filter(pk__in=self.rollouts).order_by("pk")):
            why = "_" + rollout.hold.partition(":")[0].lower().replace(" ", "_") if rollout.hold else ""
            self.counts[f"{'rival_' if number else ''}{rollout.state}{why}"] += 1
        self.counts["days"] += (self.now - begun).days
        self.counts["starts"] += len(self.upgrades.begun)
        return self._judge()

    def _clocks(self) -> ExitStack:
        """Let people's acts happen at the same time as everything else."""
        from provisioner.rollouts import controlling, steering

        patched = ExitStack()
        for module in (steering, controlling):
            patched.enter_context(patch.object(module, "utcnow", lambda: self.now))
        return patched

    def _start(self) -> None:
        from controlplane.tenants.access import SYSTEM
        from controlplane.tenants.services import create_account, create_tenant
        from tests import world
        from tests.rolling_out import fleet

        places = [world.landscape(f"v{self.seed}-{n}") for n in range(self.drawn.randint(1, 3))]
        for number in range(2):
            tenant = create_tenant(actor=SYSTEM, slug=f"t{self.seed}-{number}", name="T")
            account = create_account(actor=SYSTEM, tenant=tenant, slug=f"a{number}", name="A")
            made = fleet(account, places, RUNTIMES // 2)
            window = window_of(self.drawn, tenant)
            whole = exclusion_of(self.drawn, self.now, 0.4, tenant_id=tenant.id)
            for one in made:
                own = exclusion_of(self.drawn, self.now, 0.1, tenant_id=tenant.id, runtime_id=one.pk)
                self.shut[one.pk] = Shut(window, [*whole, *own])
                self.counts["exclusions"] += len(own)
            self.counts["exclusions"] += len(whole)
        self._begin("v", "all", plan_of(self.drawn))
        if self.drawn.random() < RIVALS:
            self._begin("rival", f"tenant=t{self.seed}-1", rival_of(self.drawn))
            self.counts["rivals"] += 1

    def _begin(self, name: str, selector: str, plan: dict[str, Any]) -> None:
        from controlplane.tenants.access import SYSTEM
        from provisioner.rollouts.models import Rollout
        from provisioner.rollouts.services import create_rollout, start_rollout
        from tests.rolling_out import NEW

        made = create_rollout(
            actor=SYSTEM, name=name, release=NEW, selector=selector, plan=plan, overlap=bool(self.rollouts),
            priority=self.drawn.choice([0, 1]),
        )  # fmt: skip
        start_rollout(actor=SYSTEM, rollout_id=made.id)
        Rollout.objects.filter(pk=made.pk).update(tokens_at=self.now, looked_at=self.now, joined_at=self.now)
        self.rollouts.append(made.pk)

    def _look(self, rollout: UUID) -> None:
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
            Rollout.objects.filter(pk=rollout, state="running").update(state="paused")
            ticking.tick(clock=self.now)
            Rollout.objects.filter(pk=rollout, state="paused").update(state="running")
        elif fate > 0.25:
            ticking.tick(clock=self.now)

    def _goes_on(self, rollout: UUID) -> bool:
        """Whether a rollout has not ended; one that failures hold up, with nothing at work any more, is a person's."""
        from provisioner.rollouts.models import Rollout, Target

        state = Rollout.objects.values_list("state", flat=True).get(pk=rollout)
        if state == "completed" or self.upgrades.due:
            return bool(state != "completed")
        stuck = Target.objects.filter(rollout=rollout, state="ready", reason_code="over_budget").exists()
        self.counts["place_over_budget"] += stuck
        return self._decide(rollout, state) if state == "halted" or stuck else True

    def _decide(self, rollout: UUID, state: str) -> bool:
        """Try again what failed, accept it, or leave it; twice at most."""
        from controlplane.tenants.access import SYSTEM
        from provisioner.rollouts import services, ticking
        from provisioner.rollouts.models import Target

        ticking.tick(clock=self.now, most_starts=0)  # so that all that ended is known
        failed = list(
            Target.objects.filter(rollout=rollout, state="failed").values_list("runtime_id", flat=True)
        )
        self.decided[rollout] += 1
        wish = (
            self.drawn.choice(["retry", "accept", "leave"]) if self.decided[rollout] <= DECISIONS else "leave"
        )
        asked: dict[str, Any] = {"actor": SYSTEM, "rollout_id": rollout, "reason": "a person's wish"}
        if wish == "leave" or not failed:
            if state != "halted":
                services.close_rollout(**asked)
            return state != "halted"
        if state != "halted":
            services.pause_rollout(**asked)
        if wish == "retry":
            self.counts["tried_again"] += services.retry_targets(
                **asked, choice=services.Choice(state="failed")
            )
            self.mended.update(failed)
        services.resume_rollout(**asked, accept_failures=wish == "accept")
        self.counts["accepted"] += wish == "accept"
        pardoned = failed if wish == "retry" else None
        self.pardons.append(
            Event(self.now, PARDONED, rollout=rollout, runtimes=pardoned, again=wish == "retry")
        )
        return True

    def _turn(self) -> None:
        """Turn the clock to the next thing that happens, or by some minutes."""
        from provisioner.rollouts.models import Target

        due = [value[0] for value in self.upgrades.due.values()]
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
        self.upgrades.end_due(self.now)

    def _judge(self) -> Counter[str]:
        from provisioner.rollouts.models import Rollout, Target

        whose = dict(Target.objects.values_list("pk", "rollout_id"))
        rules = {one.pk: rule_of(one) for one in Rollout.objects.filter(pk__in=self.rollouts)}
        events = [Event(at, ENDED, one, well=well) for at, one, well in self.upgrades.ended]
        events += [
            Event(at, BEGUN, one, whose[target])
            for (at, one), target in zip(self.upgrades.begun, self.upgrades.targets, strict=True)
        ]
        found = Onlooker(rules, self.shut).judge([*events, *self.pardons])
        self.counts.update(found)
        return self.counts


if __name__ == "__main__":
    main()
