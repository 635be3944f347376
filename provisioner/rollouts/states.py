"""The states of a rollout, a stage, a gate and a target, and their legal moves. Pure."""

from __future__ import annotations

from enum import StrEnum


class RolloutState(StrEnum):
    """draft: can be changed; halted: stopped by its own budget or breaker; aborting: nothing new begins, what runs may end."""

    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    HALTED = "halted"
    ABORTING = "aborting"
    ABORTED = "aborted"
    COMPLETED = "completed"


class StageState(StrEnum):
    """entering: its gates before are judged; leaving: its own work is done and its gates behind are judged."""

    PENDING = "pending"
    ENTERING = "entering"
    RUNNING = "running"
    LEAVING = "leaving"
    PASSED = "passed"
    SKIPPED = "skipped"


class TargetState(StrEnum):
    """planned: its stage has not begun; waiting: for a moment; blocked: until somebody mends something; ready: for a free place.

    starting: a place is taken and the upgrade about to be ordered; left_behind: at the end; gone: its runtime is no more.
    """

    PLANNED = "planned"
    WAITING = "waiting"
    BLOCKED = "blocked"
    READY = "ready"
    STARTING = "starting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    LEFT = "left_behind"
    GONE = "gone"


R, S, T = RolloutState, StageState, TargetState

ROLLOUT_MOVES: dict[RolloutState, frozenset[RolloutState]] = {
    R.DRAFT: frozenset({R.RUNNING, R.ABORTED}),
    R.RUNNING: frozenset({R.PAUSED, R.HALTED, R.ABORTING, R.COMPLETED}),
    R.PAUSED: frozenset({R.RUNNING, R.ABORTING, R.COMPLETED}),  # completed: it was closed before
    R.HALTED: frozenset({R.RUNNING, R.PAUSED, R.ABORTING}),
    R.ABORTING: frozenset({R.ABORTED}),
    R.ABORTED: frozenset(),
    R.COMPLETED: frozenset({R.RUNNING}),  # what is left behind is tried again
}
STAGE_MOVES: dict[StageState, frozenset[StageState]] = {
    S.PENDING: frozenset({S.ENTERING, S.SKIPPED}),
    S.ENTERING: frozenset({S.RUNNING, S.SKIPPED}),
    S.RUNNING: frozenset({S.LEAVING, S.PASSED, S.SKIPPED}),  # passed at once: its rollout is closed
    S.LEAVING: frozenset({S.PASSED, S.RUNNING, S.SKIPPED}),  # a member that is tried again brings it back
    S.PASSED: frozenset({S.RUNNING}),
    S.SKIPPED: frozenset(),
}
TARGET_MOVES: dict[TargetState, frozenset[TargetState]] = {
    T.PLANNED: frozenset({T.WAITING, T.SKIPPED, T.LEFT}),
    T.WAITING: frozenset({T.READY, T.BLOCKED, T.SKIPPED, T.LEFT, T.GONE, T.SUCCEEDED}),
    T.BLOCKED: frozenset({T.WAITING, T.READY, T.SKIPPED, T.LEFT, T.GONE}),
    T.READY: frozenset({T.STARTING, T.WAITING, T.BLOCKED, T.SKIPPED, T.LEFT, T.GONE, T.SUCCEEDED}),
    T.STARTING: frozenset({T.RUNNING, T.WAITING, T.BLOCKED, T.SUCCEEDED, T.LEFT, T.GONE}),
    T.RUNNING: frozenset({T.SUCCEEDED, T.FAILED, T.WAITING, T.GONE}),
    T.SUCCEEDED: frozenset(),
    T.FAILED: frozenset({T.WAITING, T.SUCCEEDED, T.SKIPPED, T.GONE}),
    T.SKIPPED: frozenset({T.WAITING}),
    T.LEFT: frozenset({T.WAITING, T.SUCCEEDED, T.GONE}),
    T.GONE: frozenset(),
}
DONE_STAGES = frozenset({S.PASSED, S.SKIPPED})
UNDER_WAY = frozenset({R.RUNNING, R.PAUSED, R.HALTED, R.ABORTING})
BEGUN = frozenset({S.RUNNING, S.LEAVING, S.PASSED})  # members of these stages may be started
ACTIVE = frozenset({T.STARTING, T.RUNNING})  # they take a place
OPEN = frozenset({T.PLANNED, T.WAITING, T.BLOCKED, T.READY, T.STARTING, T.RUNNING})
UNSTARTED = frozenset({T.PLANNED, T.WAITING, T.BLOCKED, T.READY})
