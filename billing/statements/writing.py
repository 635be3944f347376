"""Writes the lines of statements: what a draft had goes, the new ones come in one statement for many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from django.db import connection

from billing.statements import queries
from billing.statements.models import Statement

# The fields of a line in its order, as the table has them.
COLUMNS = (
    "line_id", "category", "charge_class", "account", "runtime", "plan", "region", "meter", "dimension", "period_start",
    "period_end", "quantity", "unit", "consumed_quantity", "consumed_unit", "base_quantity", "list_unit_price",
    "contracted_unit_price", "list_cost", "contracted_cost", "billed_cost", "effective_cost", "currency", "book",
    "book_version", "price_line", "part", "commitment", "commitment_status", "credit", "observed_seconds", "alive_seconds",
    "description", "origin_month", "booked_as",
)  # fmt: skip
_ALL = ("statement_id", "tenant_id", "position", *COLUMNS)
_LOAD = queries.LOAD.format(columns=", ".join(_ALL))
_ACCOUNT, _RUNTIME = COLUMNS.index("account") + 3, COLUMNS.index("runtime") + 3


def write_lines(statements: Sequence[tuple[Statement, Sequence[Sequence[Any]]]]) -> None:
    """Put lines (see `canonical.row_of`) in the place of those that the drafts had; inside the drafting's transaction."""
    rows: list[dict[str, Any]] = []
    for statement, lines in statements:
        of, tenant = str(statement.id), str(statement.tenant_id)
        for position, line in enumerate(lines):
            row = [of, tenant, position, *line]
            row[_ACCOUNT], row[_RUNTIME] = row[_ACCOUNT] or None, row[_RUNTIME] or None
            rows.append(dict(zip(_ALL, row, strict=True)))
    with connection.cursor() as cursor:
        cursor.execute(queries.CLEAR, [[statement.id for statement, _ in statements]])
        if rows:
            cursor.execute(_LOAD, [orjson.dumps(rows).decode()])
