"""Brings samples into their blocks, each key once, whoever else does the same at this moment.

A block that nobody has is written as it is; one that is there is locked, merged and written again. Everybody goes through blocks
in their order, so two never wait in a circle. A batch whose part of a day was stored whole is remembered by a digest of what it
says: samples never change, so who says the same again says nothing new.
"""

from __future__ import annotations

import hashlib
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
from billing.usage.slots import DAY, MICRO, day_of, moment_of

_AT_ONCE = 256  # blocks merged: ten megabytes
_DIGEST = 16  # bytes
_DAY = int(DAY.total_seconds()) * MICRO


class CrowdedError(Exception):
    """A day has no partition, or a block went meanwhile: nothing was loaded, and it is to be looked at closer."""


@dataclass(frozen=True)
class Loaded:
    """What became of the rows: which are new and which in conflict, and the digests of days whose rows were stored whole."""

    new: Array
    duplicates: int
    conflicts: Array
    digests: tuple[tuple[date, bytes], ...]


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

    def keys(self) -> list[Any]:
        """Return what `queries` wants to know of blocks."""
        return [self.slots.tolist(), self.numbers.tolist()]

    def bounds(self) -> list[Any]:
        """Return the first and the last slot."""
        return [moment_of(int(self.slots[0])), moment_of(int(self.slots[-1]))]

    def packed(self, records: Array) -> list[Any]:
        """Return the keys, where the records of each begin and how many they are, and both parts of all."""
        ends = np.cumsum(self.counts)
        return [
            *self.keys(),
            (ends - self.counts).tolist(),
            self.counts.tolist(),
            *pack(records, ends.tolist()),
        ]


def load(slots: Array, records: Array) -> Loaded:
    """Store what is not there, inside a transaction; of rows of a key the first stands. `records` are of `packed.SAMPLE`.

    Raises CrowdedError: the transaction is to be rolled back and begun again.
    """
    order, fates = by_key(slots, records)
    stands = fates == NEW
    fates[stands], digests = _store(slots[order[stands]], records[order[stands]], whole=bool(stands.all()))
    new, conflicts = order[fates == NEW], np.sort(order[fates == DIFFERENT])
    remembered = digests if len(new) == len(order) else ()
    return Loaded(np.sort(new), int((fates == EQUAL).sum()), conflicts, remembered)


def _store(slots: Array, records: Array, *, whole: bool) -> tuple[Array, tuple[tuple[date, bytes], ...]]:
    """Return the fates of records that are ordered by key, each once, and their digests where they are a `whole` batch."""
    ends = block_ends(slots, records)
    last = ends - 1
    blocks = _Blocks(slots[last], records["source"][last] // BLOCK_SIZE, np.diff(ends, prepend=0))
    digests = _digests(slots, records) if whole else ()
    fates = np.full(len(records), EQUAL, np.int8)
    written = ~_there(blocks)
    if not written.any() and digests and _are_known(digests):
        return fates, digests
    if written.any():
        chosen = np.repeat(written, blocks.counts)
        written[written] = _write(blocks.some(written), records[chosen])
        fates[np.repeat(written, blocks.counts)] = NEW
    starts = ends - blocks.counts
    met = np.flatnonzero(~written)
    for at in range(0, len(met), _AT_ONCE):
        some = met[at : at + _AT_ONCE]
        rows = np.concatenate([np.arange(starts[each], ends[each]) for each in some])
        fates[rows] = _merge(blocks.some(some), records[rows])
    return fates, digests


def _there(blocks: _Blocks) -> Array:
    """Say of each block whether it is there."""
    with binary_cursor() as cursor:
        cursor.execute(sql.BLOCKS_THERE, [*blocks.keys(), *blocks.bounds()])
        return _found(blocks, cursor.fetchall())


def _write(blocks: _Blocks, records: Array) -> Array:
    """Write blocks, save those that somebody else wrote meanwhile; say of each whether it was written."""
    try:
        with binary_cursor() as cursor:
            cursor.execute(sql.WRITE_BLOCKS, blocks.packed(records))
            return _found(blocks, cursor.fetchall())
    except IntegrityError as error:
        violation = error.__cause__
        if isinstance(violation, CheckViolation) and violation.diag.constraint_name is None:
            raise CrowdedError from error  # no partition
        raise


def _found(blocks: _Blocks, answered: list[tuple[int, int]]) -> Array:
    if len(answered) in (0, len(blocks)):
        return np.full(len(blocks), bool(answered))
    found = set(answered)
    return np.array([key in found for key in zip(*blocks.keys(), strict=True)])


def _merge(blocks: _Blocks, coming: Array) -> Array:
    """Merge records into their blocks, which are there; return their fates."""
    with binary_cursor() as cursor:
        cursor.execute(sql.LOCK_BLOCKS, [*blocks.keys(), *blocks.bounds()])
        parts: list[Parts] = cursor.fetchall()
        if len(parts) != len(blocks):
            raise CrowdedError
        places, held = np.arange(len(parts)), np.array(lengths(parts))
        coming_in = np.repeat(places, blocks.counts)
        records, fates = merge(unpack(parts), np.repeat(places, held), coming, coming_in)
        grown = np.bincount(coming_in[fates == NEW], minlength=len(parts))
        changed = grown > 0
        if changed.any():
            counts = held + grown
            some = _Blocks(blocks.slots, blocks.numbers, counts).some(changed)
            written = some.packed(records[np.repeat(changed, counts)])
            cursor.execute(sql.REWRITE_BLOCKS, [*written, *some.bounds()])
    return fates


def _digests(slots: Array, records: Array) -> tuple[tuple[date, bytes], ...]:
    """Return the digest of each day's records, which are ordered by key."""
    borders = np.flatnonzero(slots[1:] // _DAY != slots[:-1] // _DAY) + 1
    return tuple(
        (day_of(moment_of(int(at[0]))), _digest(at, part))
        for at, part in zip(np.split(slots, borders), np.split(records, borders), strict=True)
    )


def _digest(slots: Array, records: Array) -> bytes:
    digest = hashlib.blake2b(slots.tobytes(), digest_size=_DIGEST)
    for name in ("source", "epoch", *PAYLOAD):
        digest.update(records[name].tobytes())
    return digest.digest()


def _are_known(digests: tuple[tuple[date, bytes], ...]) -> bool:
    days, told = zip(*digests, strict=True)
    with binary_cursor() as cursor:
        cursor.execute(sql.KNOWN_BATCHES, [list(days), list(told)])
        return int(cursor.fetchone()[0]) == len(digests)
