"""What a runtime looks like in a slot, apart from its gauges: levels, and what the platform's components ask for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import orjson

from billing.meters.registry import meters

LARGEST = 2**53  # whole numbers that every reader of JSON keeps whole
LONGEST_NAME = 120
_LARGEST_INT = 2**31 - 1
_PAIRS = {tuple, list}
# What has subclasses or is no plain value is written by nobody: it is looked at row by row.
_PLAIN = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_PIECE = 500
_LINE = b"\n"
_BETWEEN = orjson.Fragment(_LINE)  # between rows stands what JSON writes nowhere by itself

Look = tuple[Any, Any, int, int]  # levels, components, allocatable thousandths of a core and MiB


def written(*columns: Sequence[Any]) -> list[bytes]:
    """Return bytes that differ for looks that differ, fit for the memory of one process; none for what is no plain value.

    Many rows are written at once: one call for each takes four times as long.
    """
    found: list[bytes] = []
    for start in range(0, len(columns[0]), _PIECE):
        found += _piece([column[start : start + _PIECE] for column in columns])
    return found


def _piece(columns: Sequence[Sequence[Any]]) -> Iterable[bytes]:
    width, rows = len(columns) + 1, len(columns[0])
    parts: list[Any] = [_BETWEEN] * (width * rows + 1)
    for number, column in enumerate(columns, start=1):
        parts[number:-1:width] = column
    try:
        found = orjson.dumps(parts, None, _PLAIN).split(_LINE)[1:-1]
    except TypeError:
        found = []
    return found if len(found) == rows else map(_written, zip(*columns, strict=True))


def _written(look: Look) -> bytes:
    try:
        return b",%b," % orjson.dumps(look, None, _PLAIN)[1:-1]
    except TypeError:
        return b""


def canonical(value: Any) -> bytes:
    """Return JSON that is the same for whatever is equal."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def fault_of(look: Look) -> tuple[str, str] | None:
    """Return the column and a sentence for what is wrong with a look, or None."""
    levels, components, *_ = look
    if type(levels) is not dict:
        return "levels", "Levels are {meter: {dimension: level}}."
    for meter, found in levels.items():
        if fault := _fault_of_meter(meter, found):
            return f"levels.{str(meter)[:40]}", fault
    use_fault = use_fault_of(components)
    return None if use_fault is None else ("components", use_fault)


def _fault_of_meter(key: Any, found: Any) -> str | None:
    meter = meters().get(key) if isinstance(key, str) else None
    if meter is None:
        return "There is no such meter."
    if meter.counter:
        return "This meter counts and has no level; send egress as the gauge egress_bytes."
    if type(found) is not dict or not all(map(_is_name, found)):
        return f"A meter's levels are {{dimension: level}}, a dimension at most {LONGEST_NAME} characters."
    if any(type(level) is not int or not 0 <= level < LARGEST for level in found.values()):
        return "A level is a whole number, in the meter's base unit, of at least 0."
    return None


def use_fault_of(components: Any) -> str | None:
    """Return a sentence for what is wrong with components' figures, or None."""
    if type(components) is not dict or not all(map(_is_name, components)):
        return f"Components are {{component: (millicores, MiB)}}, a name at most {LONGEST_NAME} characters."
    return _fault_of_pairs(components.values())


def _fault_of_pairs(found: Iterable[Any]) -> str | None:
    pairs = list(found)
    if not set(map(type, pairs)) <= _PAIRS or not set(map(len, pairs)) <= {2}:
        return "A component has two numbers: millicores and MiB."
    numbers = list(chain.from_iterable(pairs))
    if numbers and (set(map(type, numbers)) != {int} or min(numbers) < 0 or max(numbers) > _LARGEST_INT):
        return "A component has whole numbers of at least 0: millicores and MiB."
    return None


def uses_are_good(uses: Sequence[Any]) -> bool:
    """Say whether none of these components' figures has a fault, all looked at together."""
    if not set(map(type, uses)) <= {dict}:
        return False
    pairs = chain.from_iterable(use.values() for use in uses)
    return all(map(_is_name, set().union(*uses))) and _fault_of_pairs(pairs) is None


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and len(name) <= LONGEST_NAME and name.isprintable()
