"""An operation's states and their legal moves. Pure."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """queued: nothing done yet; running: a step is due or in hand; waiting: for time or the landscape; paused: by a person."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN = frozenset({State.QUEUED, State.RUNNING, State.WAITING, State.PAUSED})
CLOSED = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})

MOVES: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.PAUSED, State.CANCELLED, State.FAILED}),
    State.RUNNING: frozenset(
        {State.RUNNING, State.WAITING, State.PAUSED, State.SUCCEEDED, State.FAILED, State.CANCELLED}
    ),
    State.WAITING: frozenset({State.RUNNING, State.WAITING, State.PAUSED, State.FAILED, State.CANCELLED}),
    State.PAUSED: frozenset({State.QUEUED, State.RUNNING, State.CANCELLED, State.FAILED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset({State.RUNNING}),  # retried by a person
    State.CANCELLED: frozenset(),
}


class Slot(StrEnum):
    """An open operation is its runtime's active one, or the next wish behind it."""

    ACTIVE = "active"
    NEXT = "next"
