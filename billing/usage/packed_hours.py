"""Hours of 512 neighbouring sources, packed: records of big-endian whole numbers, ordered by (source, span, shape). Pure.

An hour's block has three parts. `hours` are its records. `places` says in two bytes for each source of the block at which record
it begins, and where the last ends: whoever wants one source reads its records and no others. `gappy` are the sources of which
something is inferred or unknown, four bytes each. Migration 0011 spells the same layout out in SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from billing.usage.integrals import GAUGES, SECONDS, UNKNOWN
from billing.usage.packed import BLOCK_SIZE

Array = npt.NDArray[Any]

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


class Parts(NamedTuple):
    """The three parts of one hour's block."""

    hours: bytes
    places: bytes
    gappy: bytes


def pack(records: Array, block: int) -> Parts:
    """Return the parts of one block of HOUR, which are ordered by key; raises ValueError where they can't be true."""
    sources = records["source"].astype(np.int64)
    check(records, sources, block)
    first = block * BLOCK_SIZE
    places = np.searchsorted(sources, np.arange(first, first + BLOCK_SIZE + 1)).astype(">u2")
    has_gaps = (records["shape"] == UNKNOWN) | (records["seconds"][:, INFERRED] != 0)
    gappy = np.unique(sources[has_gaps]).astype(">i4") if has_gaps.any() else _NONE
    return Parts(records.tobytes(), places.tobytes(), gappy.tobytes())


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
    """Return records one after the other; of itself numpy would turn them into the machine's own order of bytes."""
    return np.concatenate(parts, dtype=HOUR)


def ordered(records: Array) -> Array:
    """Return records by key."""
    return records[np.argsort(keys_of(records), kind="stable")]


def replaced(old: Array, fresh: Array, sources: Array, *, now: int) -> Array | None:
    """Return a block in which these sources' records are the fresh ones, or None where that changes nothing.

    What came out as before stays as it is; what came out different has one revision more and the time `now`. All are ordered.
    """
    theirs = np.isin(old["source"], sources)
    before = old[theirs]
    fresh = fresh.copy()
    at = np.searchsorted(keys_of(before), keys_of(fresh))
    inside = at < len(before)
    at[~inside] = 0
    known = inside & (keys_of(before)[at] == keys_of(fresh)) if len(before) else np.zeros(len(fresh), bool)
    same = known & (_said(before)[at] == _said(fresh)).all(axis=1) if len(before) else known
    if len(before) == len(fresh) and same.all():
        return None
    fresh["revision"] = 1
    fresh["rolled_at"] = now
    fresh["revision"][known] = before["revision"][at[known]] + 1
    for name in ("revision", "rolled_at"):
        fresh[name][same] = before[name][at[same]]
    return fresh if theirs.all() else ordered(joined([old[~theirs], fresh]))


def _said(records: Array) -> Array:
    return np.ascontiguousarray(records).view(np.uint8).reshape(-1, WIDTH)[:, _SAID_AT:]


def check(records: Array, sources: Array, block: int) -> None:
    """Look whether the records can be true; raises ValueError.

    A second is seen, inferred or unknown, and only what was seen or inferred has a shape. A source has no more of them than an
    hour has. Each key stands there once, in order, in its block.
    """
    if len(records) >= 2**16:
        raise ValueError(f"Block {block} has {len(records)} records, more than its places can tell.")
    seconds = records["seconds"].astype(np.int64)
    unseen = records["shape"] == UNKNOWN
    told = seconds[:, : NOT_SEEN + 1].sum(axis=1)
    whole = np.bincount(sources - block * BLOCK_SIZE, told, BLOCK_SIZE) if len(records) else told
    keys = keys_of(records)
    if (
        (seconds < 0).any()
        or (seconds[:, USED] > seconds[:, OBSERVED]).any()
        or (unseen != (seconds[:, NOT_SEEN] > 0)).any()
        or (unseen & (told != seconds[:, NOT_SEEN])).any()
        or len(whole) > BLOCK_SIZE
        or (whole > _HOUR_SECONDS).any()
        or (keys[1:] <= keys[:-1]).any()
    ):
        raise ValueError(f"Hours of block {block} that can't be true.")


_NONE = np.empty(0, ">i4")
