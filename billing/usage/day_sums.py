"""Adds the hours of a day up, by source, span and shape, a few blocks at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from billing.usage import hour_blocks
from billing.usage.blocks import binary_cursor
from billing.usage.integrals import INTEGRALS
from billing.usage.packed import Array
from billing.usage.packed_hours import SIZE, joined, unpack
from billing.usage.slots import HOUR

_BLOCKS_AT_ONCE = 32  # of 24 hours: five megabytes
_HOURS = 24
_KEY = ("source", "span", "shape")


def day_sums(start: datetime, sources: Sequence[int]) -> dict[str, list[int]]:
    """Return the columns `source`, `span`, `shape` and those of INTEGRALS of the day that begins then, in a transaction."""
    hours = [start + number * HOUR for number in range(_HOURS)]
    wanted = np.array(sources, np.int64)
    blocks = np.unique(wanted // SIZE).tolist()
    parts = [_added_up(joined([]))]
    with binary_cursor() as cursor:
        for at in range(0, len(blocks), _BLOCKS_AT_ONCE):
            found = hour_blocks.stored(cursor, hours, blocks[at : at + _BLOCKS_AT_ONCE])
            records = joined([unpack(held) for held in found.values()])
            parts.append(_added_up(records[np.isin(records["source"], wanted)]))
    table = np.concatenate(parts)
    return dict(zip((*_KEY, *INTEGRALS), table.T.tolist(), strict=True))


def _added_up(records: Array) -> Array:
    """Return rows of a key and its sums."""
    key = np.stack([records[name].astype(np.int64) for name in _KEY], axis=1)
    order = np.lexsort(key.T[::-1])
    key = key[order]
    told = np.hstack([key, records["seconds"][order], records["sums"][order]]).astype(np.int64)
    begins = np.nonzero(np.any(key[1:] != key[:-1], axis=1))[0] + 1
    begins = np.concatenate([[0], begins])[: len(key)]
    sums = np.add.reduceat(told, begins) if len(told) else told
    sums[:, : len(_KEY)] = key[begins]
    return sums
