"""Brings samples into their blocks, each key once, whoever else does the same at this moment.

Blocks that are there are locked in their order and merged; then they and those that nobody has are written, by one statement with
all that follows from it. Whoever waits to write a new block has locked all old ones that it wants: no two wait in a circle. Where
somebody else wrote a new one meanwhile, all begins again. A batch whose part of a day was stored whole is remembered by a digest
of what it says: samples never change, so who says the same again says nothing new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from django.db import IntegrityError
from psycopg.errors import CheckViolation

from billing.usage import queries as sql
from billing.usage.blocks import binary_cursor
from billing.usage.merging import DIFFERENT, EQUAL, NEW, PAYLOAD, block_ends, by_key, merge
from billing.usage.packed import BLOCK_SIZE, Array, Parts, lengths, pack, unpack
from billing.usage.queries import Statement, array
from billing.usage.slots import DAY, MICRO, day_of, moment_of

_AT_ONCE = 256  # blocks merged: ten megabytes
_DIGEST = 16  # bytes
_DAY = int(DAY.total_seconds()) * MICRO

Digests = tuple[tuple[date, bytes], ...]


class CrowdedError(Exception):
    """A day has no partition, or somebody wrote a block meanwhile: all is to be taken back, and looked at closer."""


class _KnownError(Exception):
    """All of the batch was stored before."""


@dataclass(frozen=True)
class Loaded:
    """What becomes of the rows: which are new and which in conflict, and the digests of days whose rows are stored whole.

    `writes` are statements that `write` is still to run; the first of them writes so many `blocks`.
    """

    new: Array
    duplicates: int
    conflicts: Array
    digests: Digests
    writes: Sequence[Statement]
    blocks: int


@dataclass(frozen=True)
class _Blocks:
    """Blocks in their order: slots in PostgreSQL's microseconds, numbers, and how many records each has of those given."""

    slots: Array
    numbers: Array
    counts: Array

    def __len__(self) -> int:
        return len(self.slots)

    def some(self, chosen: Array | slice) -> _Blocks:
        return _Blocks(self.slots[chosen], self.numbers[chosen], self.counts[chosen])

    def having(self, counts: Array) -> _Blocks:
        """Return those that have records, with their number."""
        return _Blocks(self.slots, self.numbers, counts).some(counts > 0)

    def keys(self) -> list[Any]:
        """Return what `queries` wants to know of blocks."""
        return [array(self.slots.tolist()), array(self.numbers.tolist())]

    def bounds(self) -> list[Any]:
        """Return the first and the last slot."""
        return [moment_of(int(self.slots[0])), moment_of(int(self.slots[-1]))]

    def packed(self, records: Array) -> list[Any]:
        """Return the keys, where the records of each begin and how many they are, and both parts of all."""
        ends = np.cumsum(self.counts)
        begins = array((ends - self.counts).tolist())
        return [*self.keys(), begins, array(self.counts.tolist()), *pack(records, ends.tolist())]


def load(slots: Array, records: Array) -> Loaded:
    """Find what is not there yet, inside a transaction, and lock the blocks that it goes to; records are of `packed.SAMPLE`.

    Of rows of a key the first stands; what stands already judges all of them.
    """
    order, fates = by_key(slots, records)
    if (order[1:] < order[:-1]).any():
        slots, records = slots[order], records[order]
    digests = _digests(slots, records) if (fates == NEW).all() else ()
    try:
        fates, writes, blocks = _stored(slots, records, fates, digests)
    except _KnownError:
        return Loaded(order[:0], len(order), order[:0], (), (), 0)
    new, conflicts = np.sort(order[fates == NEW]), np.sort(order[fates == DIFFERENT])
    remembered = digests if len(new) == len(order) else ()
    return Loaded(new, int((fates == EQUAL).sum()), conflicts, remembered, writes, blocks)


def write(loaded: Loaded, notes: Sequence[Statement]) -> None:
    """Write what was found to be new, with what follows from it.

    Raises CrowdedError: the transaction is to be rolled back and begun again.
    """
    if bool(loaded.writes) != bool(notes):
        raise RuntimeError("Samples and what follows from them are written together.")
    if loaded.writes:
        _run([*loaded.writes, *notes], loaded.blocks)


def _stored(
    slots: Array, records: Array, fates: Array, digests: Digests
) -> tuple[Array, list[Statement], int]:
    """Return the fates of records that are ordered by key, what is still to be written, and how many blocks the first writes.

    Raises _KnownError.
    """
    ends = block_ends(slots, records)
    blocks = _Blocks(slots[ends - 1], records["source"][ends - 1] // BLOCK_SIZE, np.diff(ends, prepend=0))
    fates, missing = fates.copy(), np.ones(len(blocks), bool)
    writes: list[Statement] = []
    merged = 0
    for at in range(0, len(blocks), _AT_ONCE):
        met, parts = _met(blocks, at, digests if not at else ())
        if not len(met):
            continue
        missing[at + met] = False
        rows = np.concatenate([np.arange(ends[each] - blocks.counts[each], ends[each]) for each in at + met])
        fates[rows], more, grown = _merged(blocks.some(at + met), parts, records[rows], fates[rows])
        if more:
            # The last ones wait for what follows from all.
            if writes:
                _run(writes, merged)
            writes, merged = more, grown
    if missing.any():
        rows = np.flatnonzero(np.repeat(missing, blocks.counts) & (fates == NEW))
        within = np.repeat(np.arange(len(blocks)), blocks.counts)[rows]
        fresh = blocks.having(np.bincount(within, minlength=len(blocks)))
        packed = fresh.packed(records if len(rows) == len(records) else records[rows])
        writes, merged = [(sql.WRITE_BLOCKS, packed), *writes], len(fresh)
    return fates, writes, merged


def _met(blocks: _Blocks, at: int, digests: Digests) -> tuple[Array, list[Parts]]:
    """Lock some blocks that are there; return which, and what is in them. Raises _KnownError."""
    days, told = [day for day, _ in digests], [digest for _, digest in digests]
    some = blocks.some(slice(at, at + _AT_ONCE))
    with binary_cursor() as cursor:
        wanted = [days, told, *some.keys(), *some.bounds()]
        cursor.execute(sql.LOCK_UNLESS_KNOWN, [*wanted, max(1, len(digests))])
        found = cursor.fetchall()
        if digests and found[0][0] == len(digests):
            # A day's blocks may have gone, with its partition, and its digest stayed.
            cursor.execute(sql.BLOCKS_THERE, [*blocks.keys(), *blocks.bounds()])
            if cursor.fetchone()[0] == len(blocks):
                raise _KnownError
            return _met(blocks, at, ())
    found = [row for row in found if row[1] is not None]
    return np.array([place - 1 for _, place, *_ in found], np.int64), [(row[2], row[3]) for row in found]


def _merged(
    blocks: _Blocks, parts: list[Parts], coming: Array, fates: Array
) -> tuple[Array, list[Statement], int]:
    """Merge records into their blocks, which are locked; return their fates, and how to write how many blocks that change."""
    places, held = np.arange(len(parts)), np.array(lengths(parts))
    coming_in = np.repeat(places, blocks.counts)
    records, fates = merge(unpack(parts), np.repeat(places, held), coming, coming_in, fates)
    grown = np.bincount(coming_in[fates == NEW], minlength=len(parts))
    counts = held + grown
    changed = blocks.having(np.where(grown, counts, 0))
    if not len(changed):
        return fates, [], 0
    written = changed.packed(records[np.repeat(grown > 0, counts)])
    return fates, [(sql.REWRITE_BLOCKS, [*written, *changed.bounds()])], len(changed)


def _run(writes: Sequence[Statement], blocks: int) -> None:
    try:
        with binary_cursor() as cursor:
            cursor.execute(*sql.all_at_once(writes))
            if cursor.fetchone()[0] != blocks:
                raise CrowdedError
    except IntegrityError as error:
        violation = error.__cause__
        if isinstance(violation, CheckViolation) and violation.diag.constraint_name is None:
            raise CrowdedError from error  # no partition
        raise


def _digests(slots: Array, records: Array) -> Digests:
    """Return the digest of each day's records, which are ordered by key."""
    borders = np.flatnonzero(slots[1:] // _DAY != slots[:-1] // _DAY) + 1
    return tuple(
        (day_of(moment_of(int(at[0]))), _digest(at, part))
        for at, part in zip(np.split(slots, borders), np.split(records, borders), strict=True)
    )


def _digest(slots: Array, records: Array) -> bytes:
    digest = hashlib.sha256(slots.tobytes())
    for name in ("source", "epoch", *PAYLOAD):
        digest.update(records[name].tobytes())
    return digest.digest()[:_DIGEST]
