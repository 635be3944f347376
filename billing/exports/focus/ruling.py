"""What a rule is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.exports.focus.columns import Row

Judge = Callable[[Row], str | None]  # what is wrong with a row, or None


@dataclass(frozen=True, slots=True)
class Rule:
    """One sentence of the specification, as a function; `column` is the one that is to blame."""

    name: str
    column: str
    judge: Judge


def number(row: Row, column: str) -> Decimal | None:
    """Return a decimal, or None for null and for what is none: the rule of types tells of that."""
    value = row.get(column)
    return value if isinstance(value, Decimal) and value.is_finite() else None


def moment(row: Row, column: str) -> datetime | None:
    """Return a moment, or None for null and for what is none."""
    value = row.get(column)
    return value if isinstance(value, datetime) and value.tzinfo else None


def corrects(row: Row) -> bool:
    """Whether a row mends a closed month."""
    return row.get("ChargeClass") == "Correction"


def is_a(row: Row, *categories: str) -> bool:
    """Whether a row's charge is of one of these categories."""
    return row.get("ChargeCategory") in categories
