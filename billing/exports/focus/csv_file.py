"""Writes and reads back CSV: UTF-8, null as an empty field, times as 2026-01-31T00:00:00Z, decimals with a point."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from billing.exports.focus.columns import Column, Form, Kind, Row, Value, columns_of

_FORM = "%Y-%m-%dT%H:%M:%SZ"


def written(value: Value) -> str:
    """Write one value; a whole number has a decimal place too, for readers that guess types."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        plain = f"{value.normalize():f}"
        return plain if "." in plain else f"{plain}.0"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime(_FORM)
    return value


def write_csv(path: Path, rows: Iterable[Row], form: Form) -> int:
    """Write a file and return how many rows it has."""
    names = [column.name for column in columns_of(form)]
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        for row in rows:
            writer.writerow([written(row.get(name)) for name in names])
            count += 1
    return count


def read_csv(path: Path, form: Form) -> tuple[Sequence[str], Iterator[Row]]:
    """Return the header and the rows; what is no value of its column stays text, for the rules to find."""
    with path.open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file), [])
    return header, _rows(path, header, {column.name: column for column in columns_of(form)})


def _rows(path: Path, header: Sequence[str], columns: dict[str, Column]) -> Iterator[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        next(reader, None)
        for fields in reader:
            row: dict[str, Any] = {}
            for name, text in zip(header, fields, strict=False):
                column = columns.get(name)
                row[name] = _value(text, column.kind if column else Kind.TEXT)
            yield row


def _value(text: str, kind: Kind) -> Value:
    if not text:
        return None
    try:
        if kind is Kind.DECIMAL and not text.startswith("+") and "e" not in text.lower() and "_" not in text:
            return Decimal(text)
        if kind is Kind.MOMENT:
            return datetime.strptime(text, _FORM).replace(tzinfo=UTC)
    except (ValueError, InvalidOperation):
        return text
    return text
