"""Makes hours of samples: whatever was marked is computed anew, from all that is known, and never added to.

Neighbouring hours of a day are made together, in one transaction that also takes their marks away: killed anywhere, it is as if
it had not begun.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import structlog
from django.conf import settings
from django.db import connection, transaction

from billing.usage import blocks, hour_blocks
from billing.usage import rolling_queries as sql
from billing.usage.blocks import binary_cursor
from billing.usage.making import Making
from billing.usage.packed import BLOCK_SIZE, Array, field
from billing.usage.packed_hours import SIZE
from billing.usage.partitions import is_closed
from billing.usage.queries import array
from billing.usage.sifting import make_but_for, make_unknown
from billing.usage.sights import ascending
from billing.usage.slots import HOUR, day_of
from billing.usage.spans import numbers_of

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper

log = structlog.get_logger(__name__)
HOURS_AT_ONCE = 100
_MANY_HOURS = 6  # more than a tick leaves behind: history was brought in, or the workers stood still
_TOGETHER = 12  # few enough that two workers share a day


class HoursNotMadeError(Exception):
    """Some hours can't be made of what is stored. They stay marked and as they were; the log says why."""


def roll_up(*, most: int = HOURS_AT_ONCE, company: Callable[[], object] | None = None) -> int:
    """Make anew what is marked, at most so many hours; return how many. Two of these share the work.

    `company` is called once where many hours wait: it asks a second worker to begin as well. An hour that can't be made holds up
    no other, and of its own sources only those that it fails for; for these it is tried again each time, last of all. Raises
    HoursNotMadeError at the end where there was one.
    """
    with binary_cursor() as cursor:
        cursor.execute(sql.DIRTY_HOURS, [most])
        hours = [hour for (hour,) in cursor.fetchall()]
    if company is not None and len(hours) >= _MANY_HOURS:
        company()
    made, failed = _added_up(map(_made_or_not, _together(hours)))
    if failed:
        raise HoursNotMadeError(
            f"{len(failed)} hours were not made, {made} were; the first is {min(failed)}."
        )
    return made


def _made_or_not(hours: Sequence[datetime]) -> tuple[int, list[datetime]]:
    """Make hours together, or where that fails each for itself; return how many were made, and which can't be."""
    try:
        return roll_up_hours(hours), []
    except Exception as error:
        if not connection.is_usable():  # nothing could be made now
            raise
        if len(hours) == 1:
            return _but_for_some(hours[0], error)
    return _added_up(_made_or_not([hour]) for hour in hours)


def _added_up(parts: Iterable[tuple[int, list[datetime]]]) -> tuple[int, list[datetime]]:
    made, failed = 0, list[datetime]()
    for count, hours in parts:
        made += count
        failed += hours
    return made, failed


def _but_for_some(hour: datetime, error: Exception) -> tuple[int, list[datetime]]:
    """Make an hour for all whom it can be made for; return how many were made so, or the hour."""
    try:
        return _sifted(hour)
    except Exception:
        if not connection.is_usable():
            raise
        with connection.cursor() as cursor:
            cursor.execute(sql.FAILED, [hour])
            failures = max((count for (count,) in cursor.fetchall()), default=1)
        _tell(hour, error, failures)
        return 0, [hour]


def _sifted(hour: datetime) -> tuple[int, list[datetime]]:
    """Make an hour for whom it can be made; the others stay marked, and are unknown where it was never made for them."""
    with transaction.atomic(), binary_cursor() as cursor:
        cursor.execute(sql.LOCK_HOURS, [[hour]])
        if not cursor.fetchall():
            return 0, []
        cursor.execute(sql.FAILURES, [hour])
        failures = 1 + cursor.fetchone()[0]
        sources, spreading = _claimed(cursor, [hour]).get(hour, (_NONE, _NONE))
        if not len(sources) or is_closed(hour):
            return 0, []
        cursor.execute(sql.UNWAITED)
        bad, why = make_but_for(cursor, hour, sources)
        good = np.setdiff1d(sources, bad)
        if len(good):
            _spread(cursor, {hour: good}, {hour: np.intersect1d(spreading, good)})
        changed = ascending([good, make_unknown(cursor, hour, bad)])
        if len(changed):
            cursor.execute(sql.MARK_DAY, [day_of(hour), array(changed.tolist())])
        for spreads in (True, False):
            some = bad[np.isin(bad, spreading) == spreads]
            if len(some):
                cursor.execute(sql.MARK_FAILED, [hour, array(some.tolist()), spreads, failures])
    if why is None:
        return 1, []
    _tell(hour, why, failures, sources=len(bad))
    return 0, [hour]


def _tell(hour: datetime, error: Exception, failures: int, **more: int) -> None:
    first = failures == 1  # afterwards, every tick says it once more
    log.error(
        "usage.hour_not_made",
        hour=str(hour),
        failures=failures,
        reason=str(error),
        exc_info=error if first else None,
        **more,
    )


def roll_up_hours(hours: Sequence[datetime]) -> int:
    """Make hours of one day anew for the sources that are marked; return how many had any and nobody else is at.

    What is marked of an hour whose samples are gone by their retention is let go: it stays as it was made.
    """
    with transaction.atomic(), binary_cursor() as cursor:
        cursor.execute(sql.LOCK_HOURS, [list(hours)])
        free = sorted(hour for (hour,) in cursor.fetchall())
        marked = _claimed(cursor, free) if free else {}
        dirty = {hour: whose for hour, (whose, _) in marked.items() if not is_closed(hour)}
        if dirty:
            cursor.execute(sql.UNWAITED)
            Making(cursor, dirty).make()
            _spread(cursor, dirty, {hour: marked[hour][1] for hour in dirty})
            changed = ascending([*dirty.values()])
            cursor.execute(sql.MARK_DAY, [day_of(free[0]), array(changed.tolist())])
    return len(marked)


def _together(hours: Sequence[datetime]) -> Iterator[list[datetime]]:
    """Yield neighbouring hours of a day, newest first as they come."""
    some: list[datetime] = []
    for hour in hours:
        if some and (some[-1] - hour != HOUR or day_of(hour) != day_of(some[0]) or len(some) == _TOGETHER):
            yield some
            some = []
        some.append(hour)
    if some:
        yield some


def _claimed(cursor: CursorWrapper, hours: Sequence[datetime]) -> dict[datetime, tuple[Array, Array]]:
    """Take the marks of these hours; return, by hour, the sources, and those whose neighbouring hours are to follow."""
    cursor.execute(sql.CLAIM, [list(hours)])
    found: dict[datetime, tuple[list[Array], list[Array]]] = {}
    for hour, spreads, sent in cursor.fetchall():
        sources = numbers_of(sent)
        every, spreading = found.setdefault(hour, ([], []))
        every.append(sources)
        if spreads:
            spreading.append(sources)
    return {hour: (_different(every), _different(spreading)) for hour, (every, spreading) in found.items()}


def _different(parts: Sequence[Array]) -> Array:
    return ascending(parts) if parts else _NONE


def _spread(cursor: CursorWrapper, dirty: dict[datetime, Array], spreading: dict[datetime, Array]) -> None:
    """Mark the hours before and after where a gap may reach across; they spread no further.

    What lies there can be looked at only if nobody makes it anew at this moment; else whoever is not seen at its edges is marked.
    """
    reached: dict[datetime, Array] = {}
    for hour in sorted({hour + step for hour in spreading for step in (-HOUR, HOUR)}):
        nearby = ascending([spreading.get(near, _NONE) for near in (hour - HOUR, hour + HOUR)])
        if hour in dirty:  # what is dirty there was made of the same samples
            nearby = _others(nearby, dirty[hour])
        if len(nearby):
            reached[hour] = nearby
    if not reached:
        return
    for hour in _others_make(cursor, [*reached]):
        if len(unseen := _unseen_at_an_edge(hour, reached.pop(hour))):
            cursor.execute(sql.MARK_QUIETLY, [hour, array(unseen.tolist())])
    if not reached:
        return
    places = np.unique(np.concatenate([*reached.values()]) // SIZE)
    for hour, parts in hour_blocks.gappy(cursor, [*reached], places.tolist()).items():
        reaching = np.intersect1d(reached[hour], np.concatenate(parts))
        if len(reaching):
            cursor.execute(sql.MARK_QUIETLY, [hour, array(reaching.tolist())])


def _others_make(cursor: CursorWrapper, hours: Sequence[datetime]) -> list[datetime]:
    """Return those of these hours that somebody else is making, of samples that may be older than what was just seen."""
    cursor.execute(sql.LOCK_HOURS, [list(hours)])
    free = {hour for (hour,) in cursor.fetchall()}
    return [hour for hour in hours if hour not in free]


def _unseen_at_an_edge(hour: datetime, sources: Array) -> Array:
    """Return those of these sources that have no sample in an hour's first slot, or none in its last."""
    length = timedelta(seconds=settings.USAGE_SLOT_SECONDS)
    seen = np.ones(len(sources), bool)
    for slot in (hour, hour + HOUR - length):
        found = blocks.read(slot, slot + length, np.unique(sources // BLOCK_SIZE).tolist())
        seen &= np.isin(sources, np.concatenate([_NONE, *(field(each.samples, "source") for each in found)]))
    return sources[~seen]


def _others(sources: Array, but: Array) -> Array:
    if len(sources) == len(but) and (sources == but).all():
        return _NONE
    return np.setdiff1d(sources, but, assume_unique=True)


_NONE = np.empty(0, np.int64)
