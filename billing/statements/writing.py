"""Writes the lines of statements: what a draft had goes, the new ones come in one statement for many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import orjson
from django.db import connection

from billing.statements import queries
from billing.statements.models import Statement

# The fields of a line in its order, as the table has them, each with its type; none: text that wants quotes.
COLUMNS = {
    "line_id": "varchar", "category": "", "charge_class": "", "account": "uuid", "runtime": "uuid", "plan": "", "region": "",
    "meter": "", "dimension": "", "period_start": "timestamptz", "period_end": "timestamptz", "quantity": "numeric", "unit": "",
    "consumed_quantity": "numeric", "consumed_unit": "", "base_quantity": "numeric", "list_unit_price": "numeric",
    "contracted_unit_price": "numeric", "list_cost": "numeric", "contracted_cost": "numeric", "billed_cost": "numeric",
    "effective_cost": "numeric", "currency": "", "book": "", "book_version": "int", "price_line": "", "part": "",
    "commitment": "", "commitment_status": "", "credit": "", "observed_seconds": "bigint", "alive_seconds": "bigint",
    "description": "", "origin_month": "date", "booked_as": "jsonb",
}  # fmt: skip
_ALL = {"statement_id": "uuid", "tenant_id": "uuid", "position": "int", **COLUMNS}
_MAY_LACK = ("uuid", "date")  # an empty text is none
_LOAD = queries.LOAD.format(
    columns=", ".join(_ALL), arrays=", ".join(f"%s::{kind or 'text'}[]" for kind in _ALL.values())
)


def write_lines(statements: Sequence[tuple[Statement, Sequence[Sequence[Any]]]]) -> None:
    """Put lines (see `canonical.row_of`) in the place of those that the drafts had; inside the drafting's transaction."""
    rows: list[tuple[Any, ...]] = []
    for statement, lines in statements:
        of, tenant = str(statement.id), str(statement.tenant_id)
        rows += [(of, tenant, position, *line) for position, line in enumerate(lines)]
    with connection.cursor() as cursor:
        cursor.execute(queries.CLEAR, [[statement.id for statement, _ in statements]])
        if rows:
            columns = zip(_ALL.values(), zip(*rows, strict=True), strict=True)
            cursor.execute(_LOAD, [_array(kind, values) for kind, values in columns])


def _array(kind: str, values: Iterable[Any]) -> str:
    """Write a column as PostgreSQL writes an array: adapting each value by itself would take longer than all the rest."""
    if kind == "":
        written = map(_quoted, values)
    elif kind == "jsonb":
        written = (_quoted(orjson.dumps(value).decode()) if value else "NULL" for value in values)
    elif kind in _MAY_LACK:
        written = (value or "NULL" for value in values)
    else:
        written = map(str, values)
    return f"{{{','.join(written)}}}"


@lru_cache(maxsize=4096)  # most texts stand in every other line
def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
