"""A bound on how long a step may hold its worker. Pure standard library."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_AT_ONCE = 0.001  # nothing at all would call the bell off


class OutOfTime(BaseException):
    """The step's time is over. Not an Exception, so that no client library takes it for a fault of its own and tries again."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in the body after `seconds`.

    Signals reach only the main thread, where Celery's prefork children run their tasks; elsewhere the drivers' own timeouts
    must do, and the lease keeps the rest safe. One within another ends the body when the first of both does; behind it the
    outer one goes on.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise OutOfTime

    outer, began = time_left(), time.monotonic()
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, min(seconds, outer))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if outer < math.inf:
            signal.setitimer(signal.ITIMER_REAL, max(outer - (time.monotonic() - began), _AT_ONCE))


def time_left() -> float:
    """Return the seconds left of the bound in force, infinity where there is none."""
    return signal.getitimer(signal.ITIMER_REAL)[0] or math.inf
