"""Brings every rollout forward by one look: what ended, what may begin, what must stop; then starts what was decided.

Nothing is remembered between two looks but rows, so it does not matter who looks, how often, or who died in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction

from controlplane.tenants.isolation.prepared import rows
from provisioner.rollouts import dispatching, facts, heralding, looking, promoting, queries, staging, stopping
from provisioner.rollouts.starting import start_decided
from provisioner.rollouts.states import UNDER_WAY, RolloutState

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Ticked:
    """What one look came to."""

    decided: bool  # False: somebody else was at it
    ended: int = 0
    claimed: int = 0
    started: int = 0


def tick(*, clock: datetime | None = None, most_starts: int = 1000) -> Ticked:
    """Look once; `clock` stands in for PostgreSQL's own in simulations."""
    if not rows(queries.ANY_UNDER_WAY, {})[0]["exists"]:
        return Ticked(decided=False)
    ended = claimed = 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(queries.TRY_TICK)
        decides, now = cursor.fetchone()
        if decides:
            ended, claimed = _decide(clock or now, clock)
    if decides:
        _herald(clock or now)
    return Ticked(bool(decides), ended, claimed, start_decided(clock=clock, most=most_starts))


def _herald(now: datetime) -> None:
    """Tell tenants before anything is ordered; should a message be what breaks, no rollout waits for it."""
    try:
        heralding.tell_beforehand(now)
    except Exception:
        log.exception("rollouts.heralding_broke")


def _decide(now: datetime, clock: datetime | None) -> tuple[int, int]:
    found = facts.under_way()
    wanted = {"rollouts": [one.id for one in found], "now": now, "clock": clock}
    ended = len(rows(queries.HARVEST, wanted))
    rows(queries.GIVE_BACK_LATE, {"now": now})
    return ended, sum(_by_itself(one, now) for one in found)


def _by_itself(one: facts.Facts, now: datetime) -> int:
    """Return how many of the rollout's targets were given a place; one that breaks stays as it was, and holds up no other."""
    try:
        with transaction.atomic():
            return _bring_forward(one, now)
    except (InterfaceError, OperationalError):
        raise  # a deadlock, a lost connection: the whole look is taken again
    except Exception:
        log.exception("rollouts.look_broke", rollout=str(one.id))
        return 0


def _bring_forward(one: facts.Facts, now: datetime) -> int:
    """Return how many of the rollout's targets were given a place."""
    if one.state is RolloutState.RUNNING:
        looking.go_on(one, now)
    facts.read_stages(one)
    facts.read_lanes(one)
    if one.state is not RolloutState.RUNNING:
        _stand_still(one, now)
        return 0
    if one.closed and stopping.leave_who_came_back(one, now):
        facts.read_lanes(one)
    looking.look(one, now)
    if one.state is not RolloutState.RUNNING:
        return 0
    staging.bring_forward(one, now)
    if promoting.promote(one, now):
        facts.read_lanes(one)
    claimed = 0
    if not stopping.halted_by_budget(one):
        claimed = dispatching.dispatch(one, now)
    if not claimed:
        stopping.finish(one, now)
    return claimed


def _stand_still(one: facts.Facts, now: datetime) -> None:
    """Let nothing of it begin, and no deadline go on; what goes on by itself is looked at."""
    looking.stand_still(one, now)
    stopping.drain(one, now)
    if one.state in UNDER_WAY:
        looking.watch(one, now)
