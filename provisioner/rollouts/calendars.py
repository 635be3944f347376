"""When members may begin, asked again and again of moments to come: one calendar for all whose windows are the same. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import inf

from provisioner.rollouts.windows import Exclusion, Window, next_opening

Span = tuple[float, float]  # in seconds from now; the end may be infinite, and both are where it never opens
May = Callable[[float], Span]  # the span that is open at a moment, from that moment on, or else the next one
NEVER: Span = (inf, inf)


class Calendar:
    """The openings of some windows and exclusions from `origin` on, each worked out once."""

    def __init__(self, windows: Sequence[Window], exclusions: Sequence[Exclusion], origin: datetime) -> None:
        self._windows, self._exclusions, self._origin = windows, exclusions, origin
        self._begins: list[float] = []
        self._ends: list[float] = []
        self._known = 0.0  # up to here every span is there

    def __call__(self, at: float) -> Span:
        """Return the span that is open at `at`, from then on, or the next one; `NEVER` when there is none for a year."""
        while self._known <= at < inf:
            self._go_on()
        number = bisect_right(self._ends, at)
        if number == len(self._ends):
            return NEVER
        return max(at, self._begins[number]), self._ends[number]

    def _go_on(self) -> None:
        found = next_opening(self._windows, self._exclusions, self._origin + timedelta(seconds=self._known))
        if found is None:
            self._known = inf
            return
        end = inf if found.end is None else (found.end - self._origin).total_seconds()
        self._begins.append((found.begin - self._origin).total_seconds())
        self._ends.append(end)
        self._known = end


def always(at: float) -> Span:
    """Nothing is waited for."""
    return at, inf


def from_on(begin: float, may: May = always) -> May:
    """Let nothing begin before a moment, and then only when `may` says."""
    return lambda at: may(max(at, begin))


@dataclass(frozen=True)
class Party:
    """So many members who may begin at the same moments."""

    members: int
    may: May


def fewer(parties: Sequence[Party], most: int) -> list[Party]:
    """Return at most so many for the same members: of those that open one after the other the largest stands for all of them."""
    if len(parties) <= most:
        return list(parties)
    cut = [round(number * len(parties) / most) for number in range(most + 1)]
    parties = sorted(parties, key=lambda one: one.may(0.0)[0])
    pieces = [parties[left:right] for left, right in pairwise(cut)]
    return [
        Party(sum(one.members for one in piece), max(piece, key=lambda one: one.members).may)
        for piece in pieces
    ]
