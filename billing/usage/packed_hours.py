"""Hours of 64 neighbouring sources, packed: records of big-endian whole numbers, ordered by (source, span, shape). Pure.

So many fit in a page of PostgreSQL's and lie there with their row: kept apart, as samples are, they would take half as long again
to write. An hour's block has three parts. `hours` are its records. `places` says in two bytes for each source of the block at
which record it begins, and where the last ends: whoever wants one source opens its records and no others. `gappy` are the sources
of which something is inferred or unknown, four bytes each. Migration 0011 spells the same layout out in SQL.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from billing.usage.integrals import GAUGES, SECONDS, UNKNOWN
from billing.usage.packed import BLOCK_SIZE

Array = npt.NDArray[Any]

SIZE = 64  # sources of a block; as many blocks of hours as are whole lie in one of samples
# The key first: as bytes it sorts like its numbers, for none is negative.
HOUR = np.dtype(
    [
        ("source", ">i4"),
        ("span", ">i8"),
        ("shape", ">i4"),
        ("revision", ">i4"),  # how often it came out different
        ("rolled_at", ">i8"),  # when it last did: microseconds since PostgreSQL's epoch
        ("seconds", ">i2", (len(SECONDS),)),
        ("sums", ">i8", (len(GAUGES) + 1,)),  # egress is the last
    ]
)
WIDTH = HOUR.itemsize
KEY_WIDTH = 16
_SAID_AT = sum(HOUR[name].itemsize for name in ("source", "span", "shape", "revision", "rolled_at"))
OBSERVED, INFERRED, NOT_SEEN, USED = range(len(SECONDS))
_HOUR_SECONDS = 3600
_EACH = BLOCK_SIZE // SIZE


class Parts(NamedTuple):
    """The three parts of one hour's block."""

    hours: bytes | memoryview
    places: bytes
    gappy: bytes


def pack(hours: Sequence[Array], block: int) -> Iterator[tuple[int, int, Parts]]:
    """Yield the blocks of some hours' records of one block of samples: which hour, which block, its parts.

    Records of HOUR, ordered by key; raises ValueError where they can't be true.
    """
    records = joined(hours)
    first = block * BLOCK_SIZE
    offsets = records["source"].astype(np.int64) - first
    places = offsets + np.repeat(np.arange(len(hours)) * BLOCK_SIZE, [len(some) for some in hours])
    has_gaps = _looked_at(records, offsets, places)
    begins = np.zeros(len(hours) * BLOCK_SIZE + 1, np.int64)
    np.cumsum(np.bincount(places, minlength=len(begins) - 1), out=begins[1:])
    windows = np.lib.stride_tricks.sliding_window_view(begins, SIZE + 1)[::SIZE]
    if len(windows) and int((windows[:, -1] - windows[:, 0]).max()) >= 2**16:
        raise ValueError(f"Block {block} has more records than its places can tell.")
    told = (windows - windows[:, :1]).astype(">u2")
    held = records.view(np.uint8).data
    for number, (start, *_, end) in enumerate(windows[:, [0, -1]].tolist()):
        gappy = np.unique(offsets[start:end][has_gaps[start:end]]) + first if len(has_gaps) else _NONE
        parts = Parts(
            held[start * WIDTH : end * WIDTH], told[number].tobytes(), gappy.astype(">i4").tobytes()
        )
        yield number // _EACH, block * _EACH + number % _EACH, parts


def unpack(hours: bytes) -> Array:
    """Return the records of a block, big-endian and read only: nothing is copied."""
    return np.frombuffer(hours, HOUR)


def gappy_of(gappy: bytes) -> Array:
    """Return the sources with gaps."""
    return np.frombuffer(gappy, ">i4")


def keys_of(records: Array) -> Array:
    """Return the keys as bytes, which compare as the keys do."""
    held = np.ascontiguousarray(records).view(np.uint8).reshape(-1, WIDTH)
    return np.ascontiguousarray(held[:, :KEY_WIDTH]).view(f"S{KEY_WIDTH}").ravel()


def joined(parts: Sequence[Array]) -> Array:
    """Return records one after the other, as they are: of itself numpy would turn their bytes around."""
    if not parts:
        return np.empty(0, HOUR)
    return np.concatenate([np.ascontiguousarray(part).view(f"V{WIDTH}") for part in parts]).view(HOUR)


def taken(records: Array, places: Array) -> Array:
    """Return the records of these places."""
    held = records.view(np.uint8).reshape(-1, WIDTH)
    return np.take(held, places, axis=0).view(HOUR).ravel()


def ordered(records: Array) -> Array:
    """Return records by key."""
    return taken(records, np.argsort(keys_of(records), kind="stable"))


def replaced(old: Array, fresh: Array, sources: Array, *, now: int) -> Array:
    """Return records in which these sources' are the fresh ones; all are ordered.

    What came out as before stays as it is; what came out different has one revision more and the time `now`.
    """
    fresh = fresh.copy()
    fresh["revision"], fresh["rolled_at"] = 1, now
    if not len(old):
        return fresh
    theirs = np.isin(old["source"], sources)
    before = old[theirs]
    if len(before):
        keys, known_keys = keys_of(fresh), keys_of(before)
        at = np.minimum(np.searchsorted(known_keys, keys), len(before) - 1)
        known = known_keys[at] == keys
        same = known & (_said(before)[at] == _said(fresh)).all(axis=1)
        fresh["revision"][known] = before["revision"][at[known]] + 1
        for name in ("revision", "rolled_at"):
            fresh[name][same] = before[name][at[same]]
    return fresh if theirs.all() else ordered(joined([old[~theirs], fresh]))


def _said(records: Array) -> Array:
    return np.ascontiguousarray(records).view(np.uint8).reshape(-1, WIDTH)[:, _SAID_AT:]


def _looked_at(records: Array, offsets: Array, places: Array) -> Array:
    """Return which records have gaps, or nothing where none has; raises ValueError where they can't be true.

    A second is seen, inferred or unknown, and only what was seen or inferred has a shape. A source has no more of them than an
    hour has. Each key stands there once, in order, in its block.
    """
    if not len(records):
        return _NONE
    seconds = records["seconds"].astype(np.int32)
    unseen, told = seconds[:, NOT_SEEN], seconds[:, OBSERVED] + seconds[:, INFERRED] + seconds[:, NOT_SEEN]
    again = np.nonzero(places[1:] == places[:-1])[0]
    whole = np.bincount(places, told) if len(again) else told
    if (
        seconds.min() < 0
        or whole.max() > _HOUR_SECONDS
        or (seconds[:, USED] > seconds[:, OBSERVED]).any()
        or ((records["shape"] == UNKNOWN) != (unseen > 0)).any()
        or ((unseen > 0) & (told != unseen)).any()
        or (places[1:] < places[:-1]).any()
        or offsets.min() < 0
        or offsets.max() >= BLOCK_SIZE
        or (keys_of(records[again]) >= keys_of(records[again + 1])).any()
    ):
        raise ValueError("These hours can't be true.")
    has_gaps: Array = (unseen > 0) | (seconds[:, INFERRED] > 0)
    return has_gaps if has_gaps.any() else _NONE


_NONE = np.empty(0, np.int64)
