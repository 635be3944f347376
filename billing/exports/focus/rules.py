"""The rules that rows are held against, one by one: each has a name, the column that it is about, and a sentence.

Written from FOCUS 1.4's normative text; stricter than its validator, for each row is judged by itself. They judge what was read
back from the file, so they hold for the bytes that are handed over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from billing.exports.focus.beside import BESIDE_RULES
from billing.exports.focus.columns import Column, Dataset, Form, Kind, Row, Value, columns_of
from billing.exports.focus.costs import COST_RULES
from billing.exports.focus.ruling import Judge, Rule
from billing.exports.focus.units import FIELD_RULES
from billing.pricing.money import PLACES

_SPOILT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# What people choose may be any word.
NAMES = frozenset(
    f"{noun}Name" for noun in ("BillingAccount", "SubAccount", "Resource", "Region", "CommitmentDiscount")
) | {"ChargeDescription"}
_NULL_WORDS = frozenset({"null", "none", "n/a", "not applicable", "nan", "-"})


def _not_null(column: Column) -> Judge:
    return lambda row: f"{column.name} must not be null." if row.get(column.name) is None else None


def _kind(column: Column) -> Judge:
    judges: dict[Kind, Callable[[Value], str | None]] = {
        Kind.DECIMAL: lambda value: _decimal(value, column.places),
        Kind.MOMENT: _moment,
        Kind.TEXT: _text if column.name in NAMES else _word,
        Kind.JSON: _object,
    }
    judge = judges[column.kind]
    return lambda row: None if row.get(column.name) is None else judge(row[column.name])


def _decimal(value: Value, places: int) -> str | None:
    if not isinstance(value, Decimal) or not value.is_finite():
        return f"{value!r} is no decimal number."
    exponent = value.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > places:
        return f"{value} has more than {places} decimal places."
    return None


def _moment(value: Value) -> str | None:
    if not isinstance(value, datetime) or value.tzinfo is None or value.utcoffset() != UTC.utcoffset(None):
        return f"{value!r} is no moment in UTC as 2026-01-31T00:00:00Z."
    return None if value.microsecond == 0 else f"{value.isoformat()} is finer than a second."


def _text(value: Value) -> str | None:
    if not isinstance(value, str):
        return f"{value!r} is no text."
    if not value or value != value.strip():
        return "Empty text, or text with blanks around it; null is an empty field."
    return "The text holds a control character." if _SPOILT.search(value) else None


def _word(value: Value) -> str | None:
    if isinstance(value, str) and value.lower() in _NULL_WORDS:
        return f"{value!r} stands for null; leave the field empty."
    return _text(value)


def _object(value: Value) -> str | None:
    try:
        held = json.loads(value) if isinstance(value, str) else None
    except ValueError:
        held = None
    if not isinstance(held, dict):
        return "This is no JSON object."
    if any(not isinstance(part, str | int | float | bool | None) for part in held.values()):
        return "A JSON object here has plain values only."
    return None


def _allowed(column: Column) -> Judge:
    def judge(row: Row) -> str | None:
        value = row.get(column.name)
        if value is None or value in column.allowed:
            return None
        return f"{value!r} is not allowed; it must be one of {', '.join(column.allowed)}."

    return judge


def _currency(row: Row) -> str | None:
    value = row.get("BillingCurrency")
    return None if value is None or value in PLACES else f"{value!r} is no currency of ISO 4217."


def _by_column(form: Form) -> Iterator[Rule]:
    for column in columns_of(form):
        yield Rule(f"{column.name}-Type", column.name, _kind(column))
        if not column.nullable:
            yield Rule(f"{column.name}-NotNull", column.name, _not_null(column))
        if column.allowed:
            yield Rule(f"{column.name}-AllowedValues", column.name, _allowed(column))


def rules_of(form: Form) -> tuple[Rule, ...]:
    """Return every rule of a version, or of another dataset; those of columns that it lacks are left out."""
    currency = Rule("BillingCurrency-ISO4217", "BillingCurrency", _currency)
    if isinstance(form, Dataset):
        names = {column.name for column in columns_of(form)}
        return (*_by_column(form), *(rule for rule in (currency, *BESIDE_RULES) if rule.column in names))
    names = {column.name for column in columns_of(form)}
    more = (currency, *COST_RULES, *FIELD_RULES)
    return (*_by_column(form), *(rule for rule in more if rule.column in names))


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that one row breaks; rows count from 1, 0 is the file itself."""

    rule: str
    row: int
    column: str
    detail: str

    def __str__(self) -> str:
        return f"row {self.row}, column {self.column}, rule {self.rule}: {self.detail}"
