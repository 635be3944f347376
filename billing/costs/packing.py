"""A month's cells as they lie in the cache: names once, whole numbers side by side; a thousand runtimes have 250,000."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from billing.costs.charges import Cell, Whose
from billing.pricing.money import from_minor, places_of, to_minor

WIDTH = 6


class Packed(NamedTuple):
    """Whose the cells are; and of each cell the number of that, its day or 0, its quantity and three amounts in minor units."""

    whose: tuple[Whose, ...]
    currency: str
    numbers: bytes


def pack(cells: Iterable[Cell], currency: str) -> Packed:
    """Pack cells of one currency."""
    names: dict[Whose, int] = {}
    numbers = array("q")
    for cell in cells:
        day, quantity = cell.day.toordinal() if cell.day else 0, cell.quantity
        amounts = (to_minor(amount, currency) for amount in cell[8:])
        numbers.extend((names.setdefault(cell[1:7], len(names)), day, quantity, *amounts))
    return Packed(tuple(names), currency, zlib.compress(numbers.tobytes(), 1))


def unpack(packed: Packed) -> tuple[Cell, ...]:
    """Return the cells."""
    numbers, places = array("q"), places_of(packed.currency)
    numbers.frombytes(zlib.decompress(packed.numbers))
    columns = (numbers[place::WIDTH] for place in range(WIDTH))
    return tuple(
        Cell._make(
            (
                date.fromordinal(day) if day else None,
                *packed.whose[whose],
                quantity,
                *(from_minor(amount, places) for amount in amounts),
            )
        )
        for whose, day, quantity, *amounts in zip(*columns, strict=True)
    )
