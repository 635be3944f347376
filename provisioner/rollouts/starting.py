"""Orders the upgrades that were decided, one transaction each: the target's state and the operation come to be together."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import DatabaseError, connection, transaction

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from provisioner.rollouts import ports, queries
from provisioner.rollouts.states import TargetState

log = structlog.get_logger(__name__)

T = TargetState
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
    started = 0
    for _ in range(most):
        found = _start_one(clock)
        if found is None:
            break
        started += found
    return started


class _Back(Exception):  # noqa: N818 - undoes what the door did not
    def __init__(self, target: Any, state: TargetState, code: str, reason: str) -> None:
        super().__init__(reason)
        self.target, self.state, self.code, self.reason = target, state, code, reason


def _start_one(clock: datetime | None) -> bool | None:
    """Return whether one was ordered or sent back; None when none is left."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(queries.MAY_START)
            cursor.execute(queries.TAKE_START)
            taken = cursor.fetchone()
            if taken is None:
                return None
            operation = _ordered(*taken)
            cursor.execute(queries.BIND, {"id": taken[0], "operation": operation})
        return True
    except _Back as back:
        _send_back(back, clock)
        return False
    except (
        DatabaseError
    ) as fault:  # a deadlock, a lost connection: it stays decided, and the next look tries again
        log.warning("rollouts.start_failed", reason=str(fault))
        return None


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
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(queries.MAY_START)
        values: dict[str, Any] = {
            "id": back.target,
            "state": back.state.value,
            "code": back.code[:64],
            "reason": back.reason[:500],
            "after": BUSY_AGAIN if back.state is T.WAITING else BLOCKED_AGAIN,
            "now": clock or utcnow(),
        }
        cursor.execute(queries.SEND_BACK, values)
