"""Samples of one slot and 512 neighbouring sources, packed: columns of big-endian whole numbers, one after the other. Pure.

A block has two parts. `samples` is what hours are made of, `evidence` what is asked of single samples: reading hours would take
half as long again with it. Records are ordered by (source, epoch), each key once; a field of n records begins at n times the size
of what comes before it, so a field is one array in memory, and PostgreSQL reads one with substr(...)::int4. Migration 0010 spells
the same layout out in SQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from billing.usage.integrals import GAUGES

BLOCK_SIZE = 512
UNKNOWN_USE = -1  # what use that isn't known is packed as; no good figure is negative

# The fields of each part, in order: widest first but for the key's second half, so that each lies at a multiple of its size.
SAMPLES: Mapping[str, str] = {
    "source": ">i4",
    "shape": ">i4",
    **dict.fromkeys(GAUGES, ">i4"),
    "egress_bytes": ">i8",
    "epoch": ">i2",
}
EVIDENCE: Mapping[str, str] = {
    "reported_at": ">i8",  # microseconds since PostgreSQL's epoch
    "stored_at": ">i8",
    "components": ">i4",
    "origin": ">i2",
}
NAMES = (*SAMPLES, *EVIDENCE)
# One record of a block in memory: all fields, in the machine's own order.
SAMPLE = np.dtype([(name, kind.replace(">", "=")) for name, kind in (*SAMPLES.items(), *EVIDENCE.items())])
# What two records of a key may differ in and still say the same.
INCIDENTAL = ("reported_at", "stored_at", "origin")

Array = npt.NDArray[Any]
Parts = tuple[bytes, bytes]


def _places(fields: Mapping[str, str]) -> dict[str, int]:
    sizes = (np.dtype(kind).itemsize for kind in fields.values())
    return dict(zip(fields, accumulate(sizes, initial=0), strict=False))


SAMPLES_AT, EVIDENCE_AT = _places(SAMPLES), _places(EVIDENCE)
SAMPLES_WIDTH = sum(np.dtype(kind).itemsize for kind in SAMPLES.values())
EVIDENCE_WIDTH = sum(np.dtype(kind).itemsize for kind in EVIDENCE.values())


def block_of(source: int) -> int:
    """Return the block that a source lies in."""
    return source // BLOCK_SIZE


def field(samples: bytes | memoryview, name: str) -> Array:
    """Return one field of a block's `samples`, big-endian and read only: nothing is copied."""
    count = len(samples) // SAMPLES_WIDTH
    return np.frombuffer(samples, SAMPLES[name], count, SAMPLES_AT[name] * count)


def shapes_and_gauges(samples: bytes | memoryview) -> Array:
    """Return shapes and the gauges of `integrals.GAUGES` as one array (9, record), likewise; unknown use is -1."""
    count = len(samples) // SAMPLES_WIDTH
    return np.frombuffer(samples, ">i4", count * (1 + len(GAUGES)), SAMPLES_AT["shape"] * count).reshape(
        -1, count
    )


def pack(records: Array, ends: Sequence[int]) -> Parts:
    """Return both parts of blocks of SAMPLE, which are ordered by key and end at `ends`; all blocks' one after the other."""
    pieces = list(zip([0, *ends], ends, strict=False))
    return _packed(records, SAMPLES, pieces), _packed(records, EVIDENCE, pieces)


def lengths(parts: Sequence[Parts]) -> list[int]:
    """Return how many records each block has."""
    return [len(samples) // SAMPLES_WIDTH for samples, _ in parts]


def unpack(parts: Sequence[Parts]) -> Array:
    """Return the records of some blocks, one after the other."""
    counts = lengths(parts)
    records = np.empty(sum(counts), SAMPLE)
    ends = list(accumulate(counts))
    for (samples, evidence), count, end in zip(parts, counts, ends, strict=True):
        chosen = records[end - count : end]
        for part, fields, places in ((samples, SAMPLES, SAMPLES_AT), (evidence, EVIDENCE, EVIDENCE_AT)):
            for name, kind in fields.items():
                chosen[name] = np.frombuffer(part, kind, count, places[name] * count)
    return records


def different(numbers: Array) -> Array:
    """Return each number once, ordered; what is ordered already costs next to nothing."""
    ordered = np.sort(numbers)
    first = np.ones(len(ordered), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return ordered[first]


def _packed(records: Array, fields: Mapping[str, str], pieces: Sequence[tuple[int, int]]) -> bytes:
    columns = [
        (records[name].astype(kind).tobytes(), np.dtype(kind).itemsize) for name, kind in fields.items()
    ]
    return b"".join([data[start * size : end * size] for start, end in pieces for data, size in columns])
