"""How fast a rollout decides: upgrades that take no time, every start and end committed to disk, one process.

Every start goes through the door that everybody takes; only what an upgrade would do afterwards is left out: a statement ends
it. A transition is a target's start or its end. Statements are counted by PostgreSQL's log, BEGIN and COMMIT and the door's own
among them.
"""

from __future__ import annotations

import json
import time
from typing import Any

from tests.bench.apart import measured_apart
from tests.bench.rollout_ground import Ground, entry, ground, settle

NAMES = ("rollout_transitions_per_second", "rollout_statements_per_transition")
GOAL_RATE, GOAL_STATEMENTS = 300.0, 6.0
TARGETS, COUNTED = 3_000, 400


def run() -> list[dict[str, Any]]:
    """Return both entries, measured in a process of its own."""
    return measured_apart("tests.bench.rollout_speed", seconds=400)


def main() -> None:
    """Measure, and print the entries as one line of JSON."""
    with ground() as base:
        print(json.dumps(_measure(base)))


def _measure(base: Ground) -> list[dict[str, Any]]:
    from django.db import connection

    spent = time.process_time()
    seconds, looks = _roll_out(_started("speed", TARGETS), TARGETS)
    spent = time.process_time() - spent
    rate = 2 * TARGETS / seconds
    base.log_statements(on=True)
    rollout = _started("counted", COUNTED)
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # what is logged is said by connections that open now
    before = base.log.stat().st_size
    _roll_out(rollout, COUNTED)
    statements = base.counted(before) / (2 * COUNTED)
    detail = {
        "targets": TARGETS,
        "looks": looks,
        "synchronous_commit": "on",
        "through_the_door": True,
        "seconds": round(seconds, 2),
        "cpu_seconds_with_the_fleet_made": round(spent, 1),
    }
    return [
        entry(NAMES[0], round(rate, 1), "per second", GOAL_RATE, "least", detail),
        entry(
            NAMES[1], round(statements, 2), "statements", GOAL_STATEMENTS, "most",
            {"targets": COUNTED, "counted_by": "PostgreSQL's log"},
        ),
    ]  # fmt: skip


def _started(name: str, count: int) -> Any:
    from controlplane.tenants.access import SYSTEM
    from controlplane.tenants.services import create_account, create_tenant
    from provisioner.landscapes.models import Landscape
    from provisioner.rollouts.services import create_rollout, start_rollout
    from tests import world
    from tests.rolling_out import NEW, fleet, no_gates

    tenant = create_tenant(actor=SYSTEM, slug=name, name=name)
    account = create_account(actor=SYSTEM, tenant=tenant, slug=name, name=name)
    places = [Landscape.objects.filter(key=f"l{n}").first() or world.landscape(f"l{n}") for n in range(3)]
    fleet(account, places, count)
    plan = no_gates(10, "10%", "rest", max_concurrency="10%", per_region={"max_concurrency": "8%"})
    rollout = create_rollout(actor=SYSTEM, name=name, release=NEW, selector=f"tenant={name}", plan=plan)
    start_rollout(actor=SYSTEM, rollout_id=rollout.id)
    settle()
    return rollout


def _roll_out(rollout: Any, count: int) -> tuple[float, int]:
    """Return the seconds from start to end and how many looks it took."""
    from controlplane.kernel.clock import utcnow
    from provisioner.rollouts.models import Rollout
    from provisioner.rollouts.ticking import tick
    from tests.rolling_out import Upgrades, upgrading

    began, looks, done = time.perf_counter(), 0, 0
    with upgrading(Upgrades(seconds=lambda _: 0.0), door=True) as upgrades:
        while done < count:
            tick()
            done += upgrades.end_due(utcnow())
            looks += 1
        tick()
        tick()
    seconds = time.perf_counter() - began
    rollout = Rollout.objects.get(pk=rollout.pk)
    assert rollout.state == "completed", rollout.state
    return seconds, looks


if __name__ == "__main__":
    main()
