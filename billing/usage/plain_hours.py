"""Makes plain hours, all of a block's at once: one span and one incarnation all through, and every slot seen. Pure.

In an hour that goes on, every slot from its beginning; in one of a single shape all but slots that can be inferred. What
`integrate` says of such hours is said here of whole arrays; what is not plain is answered, for `integrate` to look at.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from billing.usage.integrals import GAUGES, UNKNOWN
from billing.usage.integrate import GAP_SECONDS, USED_FROM
from billing.usage.packed_hours import HOUR, INFERRED, NOT_SEEN, OBSERVED, USED, Array, joined, taken
from billing.usage.sights import Grid, Sights

_HOUR = 3600
_LARGEST = 2**31 - 1


class Plain(NamedTuple):
    """Records by hour and key, where each hour's begin and the last's end, and (hour, source) that are to be looked at closer."""

    records: Array
    bounds: Array
    uneven: Array


def make_plain(sights: Sights, grid: Grid, spans: Array, dirty: Array) -> Plain:
    """Return what is plain of the `dirty` (hour, source); `spans` (hour, source) are those that last all through, 0: none."""
    present = sights.present
    count = present.sum(axis=1, dtype=np.int32)
    shape = sights.shape[:, 0] if present.all() else sights.shape.max(axis=1)
    if present.all():
        one_shape, one_epoch = ((told == told[:, :1]).all(axis=1) for told in (sights.shape, sights.epoch))
        from_the_start, closed = one_epoch, np.zeros_like(one_epoch)
    else:
        one_shape, one_epoch = (
            ((told == told.max(axis=1, keepdims=True)) | ~present).all(axis=1)
            for told in (sights.shape, sights.epoch)
        )
        from_the_start = ~(present[:, 1:] > present[:, :-1]).any(axis=1)
        closed = _closed(sights, grid, (count > 0) & (count < grid.slots)) & one_shape
    enough = (count == grid.slots) | (count == 0) | np.array(grid.open_end)[:, None]
    plain = dirty & (spans > 0) & ~sights.doubtful & one_epoch & (from_the_start & enough | closed)
    parts = [
        _alike(sights, grid, spans, plain & one_shape & (count > 0), _Seen(count, shape, closed)),
        _mixed(sights, grid, spans, plain & ~one_shape),
        _unseen(sights, grid, spans, plain & (count < grid.slots) & ~closed, count),
    ]
    return Plain(*_in_order(parts, sights, grid), dirty & ~plain)


class _Seen(NamedTuple):
    """Arrays (hour, source): how many slots were seen, of which shape, and whether what was not seen is inferred."""

    slots: Array
    shape: Array
    closed: Array


def _closed(sights: Sights, grid: Grid, holes: Array) -> Array:
    """Say of which (hour, source) with `holes` each is one in the middle of what is alike and near, as far as the hours tell."""
    found = np.zeros_like(holes)
    whose = np.flatnonzero(holes.any(axis=0))
    if not len(whose) or any(later - hour != _HOUR for hour, later in pairwise(grid.hours)):
        return found
    present, shape, epoch = (
        told[:, :, whose].reshape(-1, len(whose)) for told in (sights.present, sights.shape, sights.epoch)
    )
    slots = np.arange(len(present))[:, None]
    before = np.maximum.accumulate(np.where(present, slots, -1))
    after = np.minimum.accumulate(np.where(present, slots, len(present))[::-1])[::-1]
    inside = (before >= 0) & (after < len(present))
    one, other = (np.clip(at, 0, len(present) - 1) for at in (before, after))
    alike = [
        np.take_along_axis(told, one, 0) == np.take_along_axis(told, other, 0) for told in (shape, epoch)
    ]
    near = (after - before - 1) * grid.length <= GAP_SECONDS
    good = (
        (present | (inside & alike[0] & alike[1] & near)).reshape(len(grid.hours), -1, len(whose)).all(axis=1)
    )
    astray = sights.doubtful[:, whose].any(axis=0)  # who was seen otherwise than the table says
    found[:, whose] = good & ~astray & holes[:, whose]
    return found


class _Part(NamedTuple):
    """Records, and their hours, places among the sources and shapes."""

    hours: Array
    at: Array
    shapes: Array
    records: Array


def _in_order(parts: Sequence[_Part], sights: Sights, grid: Grid) -> tuple[Array, Array]:
    """Return the records by hour and key, and where each hour's begin: a source has one span in plain hours."""
    hours = np.concatenate([part.hours for part in parts])
    records = joined([part.records for part in parts])
    if len(parts[0].hours) < len(hours):
        places = hours * len(sights.sources) + np.concatenate([part.at for part in parts])
        shapes = np.concatenate([part.shapes for part in parts])
        order = np.argsort(places << 31 | shapes, kind="stable")
        hours, records = hours[order], taken(records, order)
    return records, np.searchsorted(hours, np.arange(len(grid.hours) + 1))


def _alike(sights: Sights, grid: Grid, spans: Array, chosen: Array, seen: _Seen) -> _Part:
    """One shape all through: one record."""
    hours, at = np.nonzero(chosen)
    records = _records(hours, at, sights, spans)
    used = (sights.present & (sights.gauges[:, :, USED_FROM] >= 0)).sum(axis=1, dtype=np.int32)
    safe = int(sights.gauges.max(initial=0)) <= _LARGEST // grid.slots
    sums = np.add.reduce(sights.gauges, axis=1, dtype=np.int32 if safe else np.int64)
    sums[:, USED_FROM:] += (seen.slots - used)[:, None]  # use that isn't known was added as -1
    count = seen.slots[chosen]
    records["shape"] = shapes = seen.shape[chosen]
    records["seconds"][:, OBSERVED] = count * grid.length
    records["seconds"][:, INFERRED] = np.where(seen.closed[chosen], grid.slots - count, 0) * grid.length
    records["seconds"][:, USED] = used[chosen] * grid.length
    records["sums"][:, : len(GAUGES)] = sums.transpose(0, 2, 1)[chosen] * np.int64(grid.length)
    records["sums"][:, -1] = sights.egress.sum(axis=1)[chosen]
    return _Part(hours, at, shapes, records)


def _mixed(sights: Sights, grid: Grid, spans: Array, chosen: Array) -> _Part:
    """Several shapes: a record for each, by (hour, source, shape)."""
    hours, at = np.nonzero(chosen)
    rows, slots = np.nonzero(sights.present.transpose(0, 2, 1)[chosen])
    shape = sights.shape.transpose(0, 2, 1)[chosen][rows, slots]
    order = np.lexsort((shape, rows))
    rows, slots, shape = rows[order], slots[order], shape[order]
    first = np.ones(len(rows), bool)
    first[1:] = (rows[1:] != rows[:-1]) | (shape[1:] != shape[:-1])
    begins = np.nonzero(first)[0]
    hours, at, each = hours[rows], at[rows], len(GAUGES)
    figures = sights.gauges[hours, slots, :, at].astype(np.int64)
    told = np.empty((len(rows), each + 3), np.int64)
    told[:, :each] = np.maximum(figures, 0) * grid.length
    told[:, each] = sights.egress[hours, slots, at]
    told[:, each + 1] = grid.length
    told[:, each + 2] = (figures[:, USED_FROM] >= 0) * grid.length
    sums = np.add.reduceat(told, begins) if len(begins) else told
    records = _records(hours[begins], at[begins], sights, spans)
    records["shape"] = shape[begins]
    records["seconds"][:, OBSERVED], records["seconds"][:, USED] = sums[:, each + 1], sums[:, each + 2]
    records["sums"] = sums[:, : each + 1]
    return _Part(hours[begins], at[begins], shape[begins], records)


def _unseen(sights: Sights, grid: Grid, spans: Array, chosen: Array, count: Array) -> _Part:
    """What was not seen to the hour's end is unknown."""
    hours, at = np.nonzero(chosen)
    records = _records(hours, at, sights, spans)
    records["shape"] = UNKNOWN
    records["seconds"][:, NOT_SEEN] = _HOUR - count[chosen] * grid.length
    return _Part(hours, at, np.full(len(hours), UNKNOWN), records)


def _records(hours: Array, at: Array, sights: Sights, spans: Array) -> Array:
    records = np.zeros(len(hours), HOUR)
    records["source"], records["span"] = sights.sources[at], spans[hours, at]
    return records
