"""Whom a worker's process takes next: first what people wait for, then what goes on in the background. Pure."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from datetime import timedelta

BEHIND_FIRST = 8  # one claim in so many looks for what was kept waiting before anything else
KEPT_WAITING = timedelta(seconds=30)
# So many claims of what people wait for within so long are a rush: the processor is theirs, not the background's.
RUSH_CLAIMS, RUSH_SECONDS = 4, 2.0


class Precedence:
    """What one process remembers of its claims.

    In a rush the background rests though nothing else is due for a moment: the next wish comes right away, and a process that is
    in the middle of somebody's modules would be late for it. What was kept waiting is taken all the same.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._claims = 0
        self._front: deque[float] = deque(maxlen=RUSH_CLAIMS)

    def begins_behind(self) -> bool:
        """Say whether this claim, which is counted by asking, looks first for what was kept waiting."""
        self._claims += 1
        return self._claims % BEHIND_FIRST == 0

    def note_front(self) -> None:
        """Remember a claim of what people wait for."""
        self._front.append(self._clock())

    @property
    def late(self) -> timedelta:
        """How long the background must have waited to be taken when nothing else is due."""
        rush = len(self._front) == RUSH_CLAIMS and self._clock() - self._front[0] < RUSH_SECONDS
        return KEPT_WAITING if rush else timedelta(0)
