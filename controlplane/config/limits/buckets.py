"""The rule by which requests are counted: the generic cell rate algorithm, a leaky bucket in one number. Pure.

A limit of `quota` requests in `window` lets so many through at once, and then one every `interval`. What is kept is the moment
at which the bucket will be empty again. `TAKE` in counting.py says the same in Lua; a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MICRO = 1_000_000


@dataclass(frozen=True)
class Limit:
    """How many requests in how many seconds; all times within are whole microseconds."""

    quota: int
    seconds: int

    @property
    def interval(self) -> int:
        """The time after which one more request is let through."""
        return max(1, self.seconds * MICRO // self.quota)

    @property
    def window(self) -> int:
        """The time after which a bucket that is full is empty."""
        return self.interval * self.quota


@dataclass(frozen=True)
class State:
    """What is left of one limit: so many requests, and one more after `more` microseconds (0: nothing was taken)."""

    remaining: int
    more: int


@dataclass(frozen=True)
class Verdict:
    """Whether a request is let through: `refused_by` is the place of the limit that says no, for `wait` microseconds."""

    states: Sequence[State]
    refused_by: int | None = None
    wait: int = 0


def take(limits: Sequence[Limit], empty_at: Sequence[int], now: int) -> tuple[Verdict, Sequence[int]]:
    """Take one request from every bucket, or from none when any is full; return the verdict and the moments to keep."""
    moments = [max(moment, now) for moment in empty_at]
    waits = [
        moment + limit.interval - now - limit.window for limit, moment in zip(limits, moments, strict=True)
    ]
    longest = max(range(len(limits)), key=lambda place: waits[place])
    refused = waits[longest] > 0
    if not refused:
        moments = [moment + limit.interval for limit, moment in zip(limits, moments, strict=True)]
    states = [_state(limit, moment - now) for limit, moment in zip(limits, moments, strict=True)]
    return Verdict(states, longest if refused else None, waits[longest] if refused else 0), moments


def _state(limit: Limit, filled: int) -> State:
    free = max(0, limit.window - filled)
    remaining = free // limit.interval
    return State(remaining, max(0, (remaining + 1) * limit.interval + filled - limit.window) if filled else 0)
