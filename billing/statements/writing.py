"""Writes the lines of statements: what a draft had goes, the new ones come in one statement for many.

Lines of one statement share most of what they say: meter, price, period, description. What they share is sent once, as a kind,
and each line names its kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import orjson
from django.db import connection

from billing.statements import queries
from billing.statements.models import Statement

TEXT = "text"
# The fields of a line in its order, as the table has them, each with its type.
COLUMNS = {
    "line_id": "varchar", "category": TEXT, "charge_class": TEXT, "account": "uuid", "runtime": "uuid", "plan": TEXT,
    "region": TEXT, "meter": TEXT, "dimension": TEXT, "period_start": "timestamptz", "period_end": "timestamptz",
    "quantity": "numeric", "unit": TEXT, "consumed_quantity": "numeric", "consumed_unit": TEXT, "base_quantity": "numeric",
    "list_unit_price": "numeric", "contracted_unit_price": "numeric", "list_cost": "numeric", "contracted_cost": "numeric",
    "billed_cost": "numeric", "effective_cost": "numeric", "currency": TEXT, "book": TEXT, "book_version": "int",
    "price_line": TEXT, "part": TEXT, "commitment": TEXT, "commitment_status": TEXT, "credit": TEXT,
    "observed_seconds": "bigint", "alive_seconds": "bigint", "description": TEXT, "origin_month": "date", "booked_as": "jsonb",
}  # fmt: skip
OWN = (
    "line_id", "account", "runtime", "quantity", "consumed_quantity", "base_quantity", "list_cost", "contracted_cost",
    "billed_cost", "effective_cost", "observed_seconds", "alive_seconds", "booked_as",
)  # fmt: skip
_SHARED = tuple(name for name in COLUMNS if name not in OWN)
_LINE = {"kind": "int", "position": "int", **{name: COLUMNS[name] for name in OWN}}
_KIND = {"statement_id": "uuid", "tenant_id": "uuid", **{name: COLUMNS[name] for name in _SHARED}}
_own, _shared = (itemgetter(*(list(COLUMNS).index(name) for name in names)) for names in (OWN, _SHARED))
_MAY_LACK = ("uuid", "date")  # an empty text is none


def _arrays(columns: dict[str, str]) -> str:
    return ", ".join(f"%s::{kind}[]" for kind in columns.values())


_LOAD = queries.LOAD.format(
    columns=", ".join(("statement_id", "tenant_id", "position", *COLUMNS)),
    line=", ".join(_LINE),
    lines=_arrays(_LINE),
    kind=", ".join(_KIND),
    kinds=_arrays(_KIND),
)


def write_lines(statements: Sequence[tuple[Statement, Sequence[Sequence[Any]]]]) -> None:
    """Put lines (see `canonical.row_of`) in the place of those that the drafts had; inside the drafting's transaction."""
    if not statements:
        return
    rows: list[tuple[Any, ...]] = []
    kinds: dict[tuple[Any, ...], int] = {}
    for statement, lines in statements:
        whose = (str(statement.id), str(statement.tenant_id))
        for position, line in enumerate(lines):
            kind = kinds.setdefault((*whose, *_shared(line)), len(kinds) + 1)
            rows.append((kind, position, *_own(line)))
    with connection.cursor() as cursor:
        cursor.execute(queries.CLEAR, [[statement.id for statement, _ in statements]])
        if rows:
            cursor.execute(_LOAD, [*_written(_LINE, rows), *_written(_KIND, kinds)])


def _written(columns: dict[str, str], rows: Iterable[tuple[Any, ...]]) -> list[str]:
    return [
        _array(kind, values) for kind, values in zip(columns.values(), zip(*rows, strict=True), strict=True)
    ]


def _array(kind: str, values: Iterable[Any]) -> str:
    """Write a column as PostgreSQL writes an array: adapting each value by itself would take longer than all the rest."""
    written: Iterable[str]
    if kind == TEXT:
        written = map(_quoted, values)
    elif kind == "jsonb":
        written = (_quoted(orjson.dumps(value).decode()) if value else "NULL" for value in values)
    elif kind in _MAY_LACK:
        written = (value or "NULL" for value in values)
    else:
        written = map(str, values)
    return f"{{{','.join(written)}}}"


@lru_cache(maxsize=4096)  # most texts stand in every other kind
def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
