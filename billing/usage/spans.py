"""Whose the time of many runtimes was, as arrays: a fleet's spans are read at once, not row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from billing.usage import rolling_queries as sql
from billing.usage.integrate import QUIET
from billing.usage.packed import Array

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper

_HOUR = 3600


@dataclass(frozen=True)
class Spans:
    """Spans by source: [since, until) in seconds since 1970, as far as was asked; of a `quiet` one nothing is expected."""

    sources: Array
    ids: Array
    since: Array
    until: Array
    quiet: Array

    def of(self, source: int) -> list[tuple[int, int, int, bool]]:
        """Return one source's: (id, since, until, quiet)."""
        chosen = slice(*np.searchsorted(self.sources, [source, source + 1]))
        parts = (self.ids, self.since, self.until, self.quiet)
        return [*zip(*(part[chosen].tolist() for part in parts), strict=True)]

    def lasting(self, sources: Array, hours: Sequence[int]) -> Array:
        """Return (hour, source): the span that lasts all through the hour and is not quiet, 0 where none does."""
        found = np.zeros((len(hours), len(sources)), np.int64)
        if not len(sources):
            return found
        chosen = slice(*np.searchsorted(self.sources, [sources[0], sources[-1] + 1]))
        whose, begins = self.sources[chosen], np.array(hours)[:, None]
        at = np.searchsorted(sources, whose)
        meant = (sources[at] == whose) & ~self.quiet[chosen]
        lasts = (self.since[chosen] <= begins) & (self.until[chosen] >= begins + _HOUR) & meant
        hour, span = np.nonzero(lasts)
        found[hour, at[span]] = self.ids[chosen][span]
        return found


def spans_between(
    cursor: CursorWrapper, first: datetime, last: datetime, sources: Array | None = None
) -> Spans:
    """Read the spans of [first, last), of all sources or of some; the cursor answers in binary."""
    values: dict[str, Any] = {"quiet": list(QUIET), "first": first, "last": last}
    if sources is None:
        cursor.execute(sql.SPANS_OF_ALL, values)
    else:
        cursor.execute(sql.SPANS_OF_SOME, {**values, "sources": sources.tolist()})
    lasting, ids, *others = (numbers_of(sent) for sent in cursor.fetchone())
    every = (np.full(len(lasting), int(moment.timestamp())) for moment in (first, last))
    parts = (lasting, ids, *every, np.zeros(len(lasting), np.int64))
    whose, *rest = (np.concatenate(pair) for pair in zip(parts, others, strict=True))
    order = np.argsort(whose, kind="stable")
    ids, since, until, quiet = (part[order] for part in rest)
    return Spans(whose[order], ids, since, until, quiet.astype(bool))


def numbers_of(sent: bytes | None) -> Array:
    """Return the whole numbers of an array as PostgreSQL sends it: none of them is null."""
    if sent is None or len(sent) <= _EMPTY:
        return np.empty(0, np.int64)
    size = int.from_bytes(sent[_HEAD : _HEAD + 4])
    numbers = np.frombuffer(sent, [("size", ">i4"), ("number", f">i{size}")], offset=_HEAD)["number"]
    return numbers.astype(np.int64)


_EMPTY, _HEAD = 12, 20  # bytes before the first number, of an array of none and of one of some
