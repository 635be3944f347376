"""Orders the upgrades that were decided: a target's state and its operation come to be together, in one transaction."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import DatabaseError, transaction

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from provisioner.operations.prepared import rows
from provisioner.rollouts import ports, queries
from provisioner.rollouts.states import TargetState

log = structlog.get_logger(__name__)

T = TargetState
TOGETHER = 10  # starts in one transaction: ten share a commit, and whoever stops everything waits for no more
BUSY_AGAIN, BLOCKED_AGAIN = timedelta(seconds=20), timedelta(minutes=10)
# What the door's refusals mean to a target; every other one blocks it until somebody mends what it says.
MEANS: dict[str, TargetState] = {
    "runtime_not_found": T.GONE,
    "runtime_gone": T.GONE,
    "runtime_deprovisioning": T.WAITING,
    "runtime_busy": T.WAITING,
    "release_present": T.SUCCEEDED,
}


def start_decided(*, clock: datetime | None = None, most: int = 1000) -> int:
    """Order upgrades until none is decided, at most so many; return how many were ordered. Any number may do this at once."""
    started = looked = 0
    while looked < most:
        try:
            found = _start(TOGETHER, clock)
        except (
            _Back,
            DatabaseError,
        ):  # one of them is refused: nothing of this came to be, and each goes by itself
            for _ in range(TOGETHER):
                started += _start_alone(clock)
            looked += TOGETHER
            continue
        if not found:
            break
        started, looked = started + found, looked + found
    return started


class _Back(Exception):  # noqa: N818 - undoes what the door did not
    def __init__(self, target: Any, state: TargetState, code: str, reason: str) -> None:
        super().__init__(reason)
        self.target, self.state, self.code, self.reason = target, state, code, reason


def _start(most: int, clock: datetime | None) -> int:
    """Order a few in one transaction, in the order of their runtimes, and return how many; raises _Back, DatabaseError."""
    with transaction.atomic():
        rows(queries.MAY_START, {})
        taken = sorted(
            rows(queries.TAKE_START, {"most": most, "clock": clock}), key=lambda row: str(row["runtime_id"])
        )
        if not taken:
            return 0
        operations = [
            _ordered(row["id"], row["runtime_id"], row["release_key"], row["urgent"]) for row in taken
        ]
        rows(queries.BIND, {"ids": [row["id"] for row in taken], "operations": operations})
    return len(taken)


def _start_alone(clock: datetime | None) -> int:
    """Order one, or send it back with what the door said; 0 when there is none, or it was refused."""
    try:
        return _start(1, clock)
    except _Back as back:
        _send_back(back, clock)
    except (
        DatabaseError
    ) as fault:  # a deadlock, a lost connection: it stays decided, and the next look tries again
        log.warning("rollouts.start_failed", reason=str(fault))
    return 0


def _ordered(target: Any, runtime: Any, release: str, urgent: bool) -> Any:
    try:
        return ports.begin(runtime_id=runtime, release=release, target_id=target, urgent=urgent)
    except Refused as refused:
        state = MEANS.get(refused.code, T.BLOCKED)
        raise _Back(target, state, refused.code, refused.detail) from refused
    except DatabaseError:
        raise
    except Exception as fault:
        log.exception("rollouts.door_broke", target=str(target))
        raise _Back(target, T.BLOCKED, "door_broke", f"The upgrade could not be ordered: {fault}") from fault


def _send_back(back: _Back, clock: datetime | None) -> None:
    values: dict[str, Any] = {
        "id": back.target,
        "state": back.state.value,
        "code": back.code[:64],
        "reason": back.reason[:500],
        "after": BUSY_AGAIN if back.state is T.WAITING else BLOCKED_AGAIN,
        "now": clock or utcnow(),
    }
    with transaction.atomic():
        rows(queries.MAY_START, {})
        rows(queries.SEND_BACK, values)
