"""A batch's gauges as one array: a look at a hundred thousand numbers costs what a look at a few does. Pure."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import starmap
from typing import Any

import numpy as np

from billing.usage.packed import UNKNOWN_USE, Array
from billing.usage.samples import Gauges

LARGEST = 2**31 - 1
LARGEST_BYTES = 2**50  # a pebibyte between two samples
_LARGEST = np.array([LARGEST_BYTES if name == "egress_bytes" else LARGEST for name in Gauges._fields])
_USED = slice(4, 8)
_NO_USE = dict.fromkeys(Gauges._fields[_USED], 0)
_ROW = struct.Struct(f"={len(Gauges._fields)}q")  # refuses what is no whole number


def figures_of(gauges: Sequence[Gauges]) -> Array | None:
    """Return the gauges as an array (row, gauge) with -1 for use that isn't known, or None where some gauge has a fault."""
    unknown: list[int] = []
    try:
        figures = _array(gauges)
    except struct.error:  # some use isn't known, or there is a fault
        unknown = [row for row, values in enumerate(gauges) if values[4] is None]
        known = list(gauges)
        for row in unknown:
            if any(value is not None for value in gauges[row][4:8]):
                return None
            known[row] = gauges[row]._replace(**_NO_USE)
        try:
            figures = _array(known)
        except struct.error:
            return None
    if figures.size and (figures.min() < 0 or (figures.max(axis=0) > _LARGEST).any()):
        return None
    figures[unknown, _USED] = UNKNOWN_USE
    return figures


def _array(gauges: Sequence[Any]) -> Array:
    packed = bytearray().join(starmap(_ROW.pack, gauges))
    return np.frombuffer(packed, np.int64).reshape(-1, len(Gauges._fields))
