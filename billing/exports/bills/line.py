"""What one row of a bill says, and how a wrong one is told. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from billing.pricing.money import PLACES

Raw = Mapping[str, Any]
PLACES_KEPT = 12
YEARS = range(2000, 2101)  # beyond lies a slip of the pen, and a month that no page shows
LARGEST = Decimal(10) ** 15


class RowError(ValueError):
    """What is wrong with one field of a row."""

    def __init__(self, column: str, detail: str) -> None:
        super().__init__(detail)
        self.column = column


class BillLine(NamedTuple):
    """One row of a bill, in its currency, as fine as the provider gives it; `amortized` is before tax, `unblended` as charged."""

    payer: str
    month: date
    invoice: str  # "" while the bill is open
    day: date
    product: str
    meter_group: str
    resource: str
    tags: Mapping[str, str]
    unblended: Decimal
    amortized: Decimal
    currency: str


def text(row: Raw, column: str, *, needed: bool = False, longest: int = 300) -> str:
    """Return a text; raises RowError for a missing one, or one that no database keeps."""
    value = row.get(column)
    found = "" if value is None else str(value).strip()
    if needed and not found:
        raise RowError(column, "this must not be empty")
    if "\0" in found:
        raise RowError(column, "this holds a NUL character")
    return found[:longest]


def amount(row: Raw, column: str, *, needed: bool = False) -> Decimal:
    """Return an amount of money, 0 where there is none; raises RowError for what is no number."""
    value = row.get(column)
    if value is None or value == "":
        if needed:
            raise RowError(column, "this must be an amount, as 1.25")
        return Decimal(0)
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation as error:
        raise RowError(column, f"{str(value)[:40]!r} is no amount; write it as 1.25") from error
    if not found.is_finite() or abs(found) > LARGEST:
        raise RowError(column, f"{str(value)[:40]!r} is no amount that anybody pays")
    return round(found, PLACES_KEPT)


def day(row: Raw, column: str) -> date:
    """Return the day of a moment; raises RowError for what is none."""
    value = row.get(column)
    try:
        found = value if isinstance(value, date) else datetime.fromisoformat(str(value or "").strip())
    except ValueError as error:
        raise RowError(
            column, f"{str(value)[:40]!r} is no moment; write it as 2026-01-31T00:00:00Z"
        ) from error
    if found.year not in YEARS:
        raise RowError(column, f"{str(value)[:40]!r} is not of this century; look at the year")
    return found.date() if isinstance(found, datetime) else found


def currency(row: Raw, column: str) -> str:
    """Return a currency; raises RowError for what ISO 4217 does not know."""
    found = text(row, column)
    if found not in PLACES:
        raise RowError(column, f"{found[:10]!r} is no currency of ISO 4217")
    return found


def tags(row: Raw, column: str) -> dict[str, str]:
    """Return tags: a map of Parquet, or JSON; raises RowError for what is neither."""
    value = row.get(column)
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise RowError(column, "this is no JSON object") from error
    if isinstance(value, list) and all(isinstance(pair, tuple) for pair in value):  # a map, as pyarrow has it
        value = dict(value)
    if not isinstance(value, dict):
        raise RowError(column, "this is no JSON object")
    return {str(key): str(entry) for key, entry in value.items() if entry is not None}


def within(found: date, month: date) -> date:
    """Return the day of the bill's month that is nearest: refunds and fees name days outside of it."""
    last = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return max(month, min(found, date.fromordinal(last.toordinal() - 1)))
