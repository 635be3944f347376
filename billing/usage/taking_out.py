"""Takes one sample out of its block, with all it said: another reading of its slot stands from now on."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from billing.usage import queries as sql
from billing.usage.blocks import binary_cursor
from billing.usage.packed import Array, block_of, pack, unpack
from billing.usage.slots import micros


def take_out(*, slot: datetime, source: int, epoch: int) -> Array | None:
    """Take a sample out, inside a transaction, and return it, of `packed.SAMPLE`; None where there is none."""
    key = [[micros(slot)], [block_of(source)]]
    with binary_cursor() as cursor:
        cursor.execute(sql.LOCK_BLOCKS, [*key, slot, slot])
        records = unpack(cursor.fetchall())
        found = (records["source"] == source) & (records["epoch"] == epoch)
        if not found.any():
            return None
        rest = records[~found]
        if len(rest):
            cursor.execute(sql.REWRITE_BLOCKS, [*key, [0], [len(rest)], *pack(rest, [len(rest)]), slot, slot])
        else:
            cursor.execute(sql.DROP_BLOCK, [slot, block_of(source)])
    return np.asarray(records[found][0])
