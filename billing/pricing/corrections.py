"""Mends a closed month without touching it: what was booked plus its corrections is what the month is rated at now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from billing.pricing.lines import line_id, place_of
from billing.pricing.types import CORRECTION, Line

ADDED = (
    *(
        "quantity",
        "consumed_quantity",
        "base_quantity",
        "list_cost",
        "contracted_cost",
        "billed_cost",
        "effective_cost",
    ),
    *("observed_seconds", "alive_seconds"),
)
Identity = tuple[str, ...]


def identity(line: Line) -> Identity:
    """Return what a line is about, whatever its dates and amounts: corrections of one thing add up with it."""
    return (
        *(
            line.category,
            line.account,
            line.runtime,
            line.plan,
            line.region,
            line.meter,
            line.dimension,
            line.unit,
        ),
        *(line.book, str(line.book_version), line.price_line, line.part, line.currency),
        *(line.commitment, line.commitment_status, line.credit),
    )


def corrections(booked: Iterable[Line], rated: Iterable[Line], *, booked_in: str) -> list[Line]:
    """Return the lines that turn what was booked (earlier corrections with it) into what is rated now.

    They keep the period of the usage that they correct; `booked_in` names the statement that will hold them, so that the same
    usage corrected twice has two ids. Equal input gives no line.
    """
    then, now = _sums(booked), _sums(rated)
    found: list[Line] = []
    for place in {**then, **now}:
        old, new = then.get(place), now.get(place)
        if old is None and new is not None:
            found.append(_correction(new, booked_in, place))
        elif old is not None:
            delta = _added(new, old, -1) if new is not None else _added(_nothing(old), old, -1)
            if any(getattr(delta, name) for name in ADDED):
                found.append(_correction(delta, booked_in, place))
    return sorted(found, key=place_of)


def _correction(line: Line, booked_in: str, place: Identity) -> Line:
    name = line_id(booked_in, "correction", line.start.isoformat(), *place)
    return line._replace(line_id=name, class_=CORRECTION, description=f"{line.description}, corrected")


def _sums(lines: Iterable[Line]) -> dict[Identity, Line]:
    sums: dict[Identity, Line] = {}
    for line in lines:
        place = identity(line)
        before = sums.get(place)
        sums[place] = line if before is None else _added(before, line, 1)
    return sums


def _added(first: Line, other: Line, sign: int) -> Line:
    added: dict[str, Any] = {name: getattr(first, name) + sign * getattr(other, name) for name in ADDED}
    return first._replace(start=min(first.start, other.start), end=max(first.end, other.end), **added)


def _nothing(line: Line) -> Line:
    zeros: dict[str, Any] = {name: abs(getattr(line, name) * 0) for name in ADDED}
    return line._replace(**zeros)
