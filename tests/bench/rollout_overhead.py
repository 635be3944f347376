"""What a rollout costs beyond what its upgrades take: 10,000 runtimes, four stages, 1 % failures, seconds drawn with a seed.

The clock runs from the press of the start, so that the freezing of all members counts, to the last runtime's end. The scheduler
looks as often as the beat lets it in production, and every start goes through the door that everybody takes; only what an upgrade
would do afterwards is left out: a landscape of its own thread ends it when its time has come, and the scheduler is told as of any
other, by reading operations. The ideal is an offline list schedule of the same durations in the same order within the same limits
(`provisioner.rollouts.ideal`), which starts at once and freezes nothing.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from typing import Any

from tests.bench.apart import measured_apart
from tests.bench.rollout_ground import entry, ground, settle

NAMES = ("rollout_overhead",)
GOAL_PERCENT = 5.0
RUNTIMES, MEAN_SECONDS, FAILING, SEED = 10_000, 20.0, 0.01, 20261123
PLAN = {
    "stages": [
        {"name": "canary", "share": 5}, {"name": "1 %", "share": "1%"}, {"name": "10 %", "share": "10%"},
        {"name": "rest", "share": "rest"},
    ],
    "max_concurrency": "10%", "max_failures": "5%", "per_landscape": {"max_concurrency": "14%"}, "breaker": True,
}  # fmt: skip


def run() -> list[dict[str, Any]]:
    """Return the entry, measured in a process of its own."""
    return measured_apart("tests.bench.rollout_overhead", seconds=1200)


def main() -> None:
    """Measure, and print the entry as one line of JSON."""
    with ground():
        print(json.dumps([_measure()]))


def _measure() -> dict[str, Any]:
    from controlplane.tenants.access import SYSTEM
    from provisioner.rollouts.models import Rollout
    from provisioner.rollouts.services import create_rollout, start_rollout
    from tests.rolling_out import NEW, Upgrades, drawn, states, upgrading

    _fill()
    rollout = create_rollout(actor=SYSTEM, name="overhead", release=NEW, selector="all", plan=PLAN)
    how = drawn(SEED, mean=MEAN_SECONDS, failing=FAILING)
    settle()
    with upgrading(Upgrades(**how), door=True) as upgrades, landscape(upgrades):
        began, cpu = time.perf_counter(), time.process_time()
        start_rollout(actor=SYSTEM, rollout_id=rollout.id)
        started = time.perf_counter() - began
        looking = _look_until_done(rollout.id)
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    rollout = Rollout.objects.get(pk=rollout.pk)
    ideal = _ideal(rollout, how["seconds"])
    percent = 100 * (wall - ideal) / ideal
    found = states(rollout)
    detail = {
        "wall_seconds": round(wall, 1),
        "ideal_seconds": round(ideal, 1),
        "states": found,
        "most_at_once": _most_at_once(upgrades),
        "concurrency": rollout.limits["concurrency"][0][-1],
        "freezing_seconds_within": round(started, 2),
        "through_the_door": True,
        "seconds_of_a_look": round(looking, 3),
        "cpu_seconds": round(cpu, 1),
    }
    sound = (
        rollout.state == "completed"
        and sum(found.values()) == RUNTIMES
        and detail["most_at_once"] <= detail["concurrency"]
    )
    return entry(NAMES[0], round(percent, 2), "percent", GOAL_PERCENT, "most", detail, also=sound)


def _fill() -> None:
    from controlplane.tenants.access import SYSTEM
    from controlplane.tenants.services import create_account, create_tenant
    from tests import world
    from tests.rolling_out import fleet

    places = [world.landscape(f"o{number}") for number in range(8)]
    for number in range(20):
        tenant = create_tenant(actor=SYSTEM, slug=f"o{number:02}", name="O")
        account = create_account(actor=SYSTEM, tenant=tenant, slug=f"o{number:02}", name="O")
        fleet(account, places, RUNTIMES // 20)


class landscape:  # noqa: N801 - read as a verb's place: `with landscape(upgrades)`
    """Ends upgrades that are due, twenty times a second, in a thread and a connection of its own."""

    def __init__(self, upgrades: Any) -> None:
        self.upgrades, self.over = upgrades, threading.Event()
        self.thread = threading.Thread(target=self._end, daemon=True)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join(10)

    def _end(self) -> None:
        from django.db import connection

        from controlplane.kernel.clock import utcnow

        while not self.over.wait(0.05):
            self.upgrades.end_due(utcnow())
        connection.close()


def _look_until_done(rollout_id: Any) -> float:
    """Look as often as the beat lets it, and return the mean seconds of a look."""
    from django.conf import settings

    from provisioner.rollouts.models import Rollout
    from provisioner.rollouts.ticking import tick

    looks, spent = 0, 0.0
    while Rollout.objects.filter(pk=rollout_id, state="running").exists():
        began = time.perf_counter()
        tick()
        took = time.perf_counter() - began
        looks, spent = looks + 1, spent + took
        time.sleep(max(0.0, settings.ROLLOUT_TICK_SECONDS - took))
    return spent / looks


def _ideal(rollout: Any, seconds: Any) -> float:
    """Schedule the same members offline, in their order, stage by stage, within the same limits."""
    from provisioner.rollouts.ideal import Job, schedule
    from provisioner.rollouts.models import Target

    limits: dict[object, int] = {tuple(one[:-1]): int(one[-1]) for one in rollout.limits["concurrency"]}
    stages: dict[int, list[Job]] = {}
    for one in Target.objects.filter(rollout=rollout).select_related("lane", "stage").order_by("position"):
        stage, lane = str(one.stage.position), one.lane
        scopes = (
            ("rollout",), ("stage", stage), ("group", stage, lane.group), ("landscape", str(lane.landscape_id)),
            ("region", lane.region),
        )  # fmt: skip
        stages.setdefault(one.stage.position, []).append(Job(seconds(one.runtime_id), scopes))
    now = 0.0
    for position in sorted(stages):
        now = schedule(stages[position], limits, begins_at=now).makespan
    return now


def _most_at_once(upgrades: Any) -> int:
    """Return how many were at work at the same moment, at most."""
    changes = Counter[Any]()
    for at, _ in upgrades.begun:
        changes[at, 1] += 1
    for at, _, _ in upgrades.ended:
        changes[at, 0] -= 1
    most = present = 0
    for key in sorted(changes):
        present += changes[key]
        most = max(most, present)
    return most


if __name__ == "__main__":
    main()
