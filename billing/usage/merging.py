"""What becomes of samples whose keys may be there already: new, said before, or said otherwise. Pure.

A key is (slot, source, epoch); of two samples of a key the first stands, and every other one is judged by it. They say the same
when all but how they came is equal.
"""

from __future__ import annotations

import numpy as np

from billing.usage.packed import BLOCK_SIZE, INCIDENTAL, NAMES, Array

NEW, EQUAL, DIFFERENT = 0, 1, 2
PAYLOAD = [name for name in NAMES if name not in (*INCIDENTAL, "source", "epoch")]
_EPOCHS = 1 << 15
_BITS = 63


def by_key(slots: Array, records: Array) -> tuple[Array, Array]:
    """Return the order of a batch's rows by key, and each one's fate beside the others: of rows of a key the first is new."""
    keys = _sortable(slots, records)
    fates = np.full(len(keys), NEW, np.int8)
    if (keys[1:] > keys[:-1]).all():
        return np.arange(len(keys)), fates
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    again = np.zeros(len(order), bool)
    again[1:] = keys[1:] == keys[:-1]
    if again.any():
        ordered = records[order]
        first = np.maximum.accumulate(np.where(again, 0, np.arange(len(order))))
        alike = _are_alike(ordered, ordered[first], PAYLOAD)
        fates[again & alike], fates[again & ~alike] = EQUAL, DIFFERENT
    return order, fates


def block_ends(slots: Array, records: Array) -> Array:
    """Return where each block ends, of records that are ordered by key."""
    blocks = records["source"] // BLOCK_SIZE
    borders = np.flatnonzero((slots[1:] != slots[:-1]) | (blocks[1:] != blocks[:-1])) + 1
    return np.append(borders, len(records))


def merge(
    there: Array, there_in: Array, coming: Array, coming_in: Array, fates: Array
) -> tuple[Array, Array]:
    """Return all records together, and the fate of each that came.

    Both are ordered by the place of their block among all, given for each, and by key. What is there has each key once; what
    comes may repeat itself, and `fates` say what it is beside its like: what stands already judges all of them.
    """
    before, after = _keys(there, there_in), _keys(coming, coming_in)
    places = np.searchsorted(before, after)
    met = np.flatnonzero(places < len(before))
    met = met[before[places[met]] == after[met]]
    if len(met):
        fates = fates.copy()
        fates[met] = np.where(_are_alike(coming[met], there[places[met]], PAYLOAD), EQUAL, DIFFERENT)
    new = fates == NEW
    return np.insert(there, places[new], coming[new]), fates


def _sortable(slots: Array, records: Array) -> Array:
    """Return a number for each row's key, ordered as the keys are."""
    sources, epochs = records["source"].astype(np.int64), records["epoch"].astype(np.int64)
    after_epoch, after_source = (int(part.max()).bit_length() for part in (epochs, sources))
    since = slots - slots.min()
    if int(since.max()).bit_length() + after_source + after_epoch > _BITS:
        since = np.unique(slots, return_inverse=True)[1]
    return np.asarray((since << after_source | sources) << after_epoch | epochs)


def _keys(records: Array, blocks: Array) -> Array:
    within = records["source"].astype(np.int64) % BLOCK_SIZE
    return np.asarray((blocks * BLOCK_SIZE + within) * _EPOCHS + records["epoch"])


def _are_alike(records: Array, others: Array, names: list[str]) -> Array:
    alike = np.ones(len(records), bool)
    for name in names:
        alike &= records[name] == others[name]
    return alike
