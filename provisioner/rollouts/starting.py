"""Orders the upgrades that were decided: a target's state and its operation come to be together, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import DatabaseError, transaction

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.isolation.prepared import rows
from provisioner.lifecycle.upgrade import Start
from provisioner.rollouts import ports, queries
from provisioner.rollouts.states import TargetState

log = structlog.get_logger(__name__)

T = TargetState
TOGETHER = 50  # starts in one transaction, which takes tens of milliseconds: whoever stops everything waits for no more
BUSY_AGAIN, BLOCKED_AGAIN = timedelta(seconds=20), timedelta(minutes=10)
# What the door's refusals mean to a target; every other one blocks it until somebody mends what it says.
MEANS: dict[str, TargetState] = {
    "runtime_not_found": T.GONE,
    "runtime_gone": T.GONE,
    "runtime_deprovisioning": T.WAITING,
    "runtime_busy": T.WAITING,
    "release_present": T.SUCCEEDED,
    "release_older": T.SUCCEEDED,  # it is on a newer one
}


def start_decided(*, clock: datetime | None = None, most: int = 1000) -> int:
    """Order upgrades until none is decided, at most so many; return how many were ordered. Any number may do this at once."""
    started = looked = 0
    while looked < most:
        try:
            seen, ordered = _start(min(TOGETHER, most - looked), clock)
        except Exception as fault:  # nothing of these came to be: each goes by itself, and only the one that breaks stays behind
            log.warning("rollouts.starts_broke", reason=str(fault))
            seen, ordered = TOGETHER, sum(_start_alone(clock) for _ in range(TOGETHER))
        if not seen:
            break
        started, looked = started + ordered, looked + seen
    return started


def _start(most: int, clock: datetime | None) -> tuple[int, int]:
    """Order a few in one transaction; return how many were looked at and how many of them were ordered."""
    with transaction.atomic():
        rows(queries.MAY_START, {})
        taken = rows(queries.TAKE_START, {"most": most, "clock": clock})
        if not taken:
            return 0, 0
        refused = _order(taken)
    _send_back(refused, clock)
    return len(taken), len(taken) - len(refused)


def _order(taken: Sequence[Mapping[str, Any]]) -> dict[Any, Refused]:
    """Order what was taken, and let go of what the door refuses: return that, by target."""
    starts = [Start(row["runtime_id"], row["release_key"], row["id"], row["urgent"]) for row in taken]
    answers = {start.target_id: answer for start, answer in zip(starts, ports.begin(starts), strict=True)}
    refused = {key: answer for key, answer in answers.items() if isinstance(answer, Refused)}
    bound = {key: answer for key, answer in answers.items() if not isinstance(answer, Refused)}
    if bound:
        rows(queries.BIND, {"ids": list(bound), "operations": list(bound.values())})
    if refused:
        rows(queries.LET_GO, {"ids": list(refused)})
    return refused


def _start_alone(clock: datetime | None) -> int:
    """Order one, or send it back with what broke; 0 when there is none, or it was not ordered."""
    taken: list[dict[str, Any]] = []
    try:
        with transaction.atomic():
            rows(queries.MAY_START, {})
            taken = rows(queries.TAKE_START, {"most": 1, "clock": clock})
            refused = _order(taken) if taken else {}
    except (
        DatabaseError
    ) as fault:  # a deadlock, a lost connection: it stays decided, and the next look tries again
        log.warning("rollouts.start_failed", reason=str(fault))
        return 0
    except Exception as fault:
        log.exception("rollouts.door_broke", target=str(taken[0]["id"]))
        broken = Refused("door_broke", f"The upgrade could not be ordered: {fault}", status=500)
        _send_back({taken[0]["id"]: broken}, clock)
        return 0
    _send_back(refused, clock)
    return len(taken) - len(refused)


def _send_back(refused: Mapping[Any, Refused], clock: datetime | None) -> None:
    """Give back the places of those that the door refused, with its words.

    In a transaction of its own: it counts, which waits for the tick, and no runtime is to be locked meanwhile.
    """
    if not refused:
        return
    states = [MEANS.get(one.code, T.BLOCKED) for one in refused.values()]
    values: dict[str, Any] = {
        "ids": list(refused),
        "states": [state.value for state in states],
        "codes": [one.code[:64] for one in refused.values()],
        "reasons": [one.detail[:500] for one in refused.values()],
        "afters": [BUSY_AGAIN if state is T.WAITING else BLOCKED_AGAIN for state in states],
        "now": clock or utcnow(),
    }
    with transaction.atomic():
        rows(queries.MAY_START, {})
        rows(queries.SEND_BACK, values)
