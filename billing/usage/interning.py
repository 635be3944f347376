"""Levels and components that many samples share: checked and stored once, then a number."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from django.db import connection, transaction

from billing.usage.looks import Look, canonical, fault_of
from billing.usage.packed import Array
from billing.usage.queries import COMPONENTS_BY_DIGEST, INTERN_COMPONENTS, INTERN_SHAPES, SHAPES_BY_DIGEST
from billing.usage.samples import RowFault

MOST_KEPT = 200_000
_known: dict[bytes, int] = {}  # the shape's number and, in the lower half, the component set's
_HALF = 32


def faults_of_looks(keys: Sequence[bytes], looks: Iterable[Look]) -> Iterator[RowFault]:
    """Find levels and components that can't be interned; what was stored before is not looked at again."""
    if all(map(_known.__contains__, keys)):
        return
    seen: dict[bytes, tuple[str, str] | None] = {}
    for row, (key, look) in enumerate(zip(keys, looks, strict=True)):
        if key not in _known:
            fault = seen[key] if key in seen else fault_of(look)
            if key:
                seen[key] = fault
            if fault is not None:
                yield RowFault(row, fault[0], "levels_invalid", fault[1])


def numbers_of(keys: Sequence[bytes], looks: Iterable[Look]) -> tuple[Array, Array]:
    """Return the shape and the component set of each row, storing what is new; the looks have no fault."""
    try:
        found = np.fromiter(map(_known.__getitem__, keys), np.int64, len(keys))
    except KeyError:
        known = dict(_known)
        stored = _store({key: look for key, look in zip(keys, looks, strict=True) if key not in known})
        transaction.on_commit(lambda: _remember(stored))
        found = np.fromiter(map({**known, **stored}.__getitem__, keys), np.int64, len(keys))
    return found >> _HALF, found & ((1 << _HALF) - 1)


def forget() -> None:
    """Forget everything: for tests, whose databases are emptied."""
    _known.clear()


def _remember(stored: dict[bytes, int]) -> None:
    if len(_known) + len(stored) > MOST_KEPT:
        _known.clear()
    _known.update(stored)


def _store(new: Mapping[bytes, Look]) -> dict[bytes, int]:
    shapes = {key: canonical([levels, cores, mib]) for key, (levels, _, cores, mib) in new.items()}
    sets = {key: canonical(components) for key, (_, components, *_) in new.items()}
    by_shape = {_digest(text): (new[key][0], new[key][2], new[key][3]) for key, text in shapes.items()}
    by_set = {_digest(text): text for text in sets.values()}
    with connection.cursor() as cursor:
        ordered = sorted(by_shape)
        levels, cores, mib = zip(*(by_shape[digest] for digest in ordered), strict=True)
        texts = [canonical(level).decode() for level in levels]
        cursor.execute(INTERN_SHAPES, [ordered, texts, list(cores), list(mib)])
        cursor.execute(
            INTERN_COMPONENTS, [sorted(by_set), [by_set[digest].decode() for digest in sorted(by_set)]]
        )
        cursor.execute(SHAPES_BY_DIGEST, [ordered])
        shape_ids = {bytes(digest): number for digest, number in cursor}
        cursor.execute(COMPONENTS_BY_DIGEST, [sorted(by_set)])
        set_ids = {bytes(digest): number for digest, number in cursor}
    return {key: shape_ids[_digest(shapes[key])] << _HALF | set_ids[_digest(sets[key])] for key in new}


def _digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=16).digest()
