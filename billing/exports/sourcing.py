"""Reads a month's charges with the names that a FOCUS row shows, as a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction

from billing.books.loading import meter_facts
from billing.exports import queries, sourcing_queries
from billing.exports.focus.charge import Charge, Named
from billing.pricing.money import EXACT
from billing.pricing.periods import month as period_of
from billing.pricing.types import Category, Line

BATCH = 2000
# On whose lines what was emitted stands, the first of each kind that a runtime has.
CARRIERS = {
    "vcpu": "nodes", "node": "nodes", "memory": "nodes",
    "block_storage": "storage", "object_storage": "storage", "snapshots": "storage",
}  # fmt: skip


def charges_of(month: date, *, statements: Sequence[UUID] | None = None) -> Iterator[Charge]:
    """Yield every charge of a month's statements, or of some of them, as they are at one moment; a batch is held at a time."""
    facts = meter_facts()
    units = {meter: found.unit for meter, found in facts.items()}
    period = period_of(month.year, month.month)
    for row in _rows(month, statements):
        names = row["names"] or {}
        account, runtime = _text(row["account"]), _text(row["runtime"])
        yield Charge(
            line=_line(row),
            tenant=Named(str(row["tenant_id"]), row["tenant_name"]),
            month=period,
            account=Named(account, names.get(account, "")),
            runtime=Named(runtime, names.get(runtime, "")),
            labels=row["labels"] or {},
            provider=row["provider"] or "",
            region_name=row["region_name"] or "",
            statement=str(row["statement_id"]) if row["statement_state"] == "sealed" else "",
            commitment=row["commitment_title"] or "",
            committed=row["commitment_units"],
            commitment_unit=units.get(row["meter"], ""),
            sealed_at=row["sealed_at"],
            mends=_text(row["origin_statement"]),
            carbon_grams=None if row["milligrams"] is None else Decimal(row["milligrams"]) / 1000,
        )


def touched(month: date) -> datetime | None:
    """Return when a statement of a month was drafted or sealed last."""
    found: datetime | None = queries.rows(sourcing_queries.TOUCHED, [month])[0][0]
    return found


def _line(row: dict[str, Any]) -> Line:
    same = ("plan", "region", "meter", "dimension", "unit", "consumed_unit", "list_unit_price", "contracted_unit_price",
            "list_cost", "contracted_cost", "billed_cost", "effective_cost", "currency", "book", "book_version", "price_line",
            "part", "commitment", "commitment_status", "credit", "observed_seconds", "alive_seconds", "description")  # fmt: skip
    return Line(
        line_id=row["line_id"],
        category=Category(row["category"]),
        class_=row["charge_class"],
        account=_text(row["account"]),
        runtime=_text(row["runtime"]),
        start=row["period_start"],
        end=row["period_end"],
        quantity=row["quantity"].normalize(EXACT),
        consumed_quantity=row["consumed_quantity"].normalize(EXACT),
        base_quantity=int(row["base_quantity"]),
        **{name: row[name] for name in same},
    )


def _rows(month: date, statements: Sequence[UUID] | None) -> Iterator[dict[str, Any]]:
    """A cursor of the server's own: PostgreSQL keeps the month as it was when the cursor was opened."""
    values = {
        "month": month, "statements": None if statements is None else list(statements),
        "carriers": list(CARRIERS), "kinds": list(CARRIERS.values()),
    }  # fmt: skip
    name = f"charges_{uuid4().hex}"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DECLARE {name} NO SCROLL CURSOR FOR {sourcing_queries.CHARGES}", values)
        while True:
            cursor.execute(f"FETCH {BATCH} FROM {name}")
            names = [column.name for column in cursor.description or ()]
            found = cursor.fetchall()
            if not found:
                break
            for values_of_row in found:
                row = dict(zip(names, values_of_row, strict=True))
                for column in ("names", "labels"):
                    if isinstance(row[column], str):
                        row[column] = json.loads(row[column])
                yield row
        cursor.execute(f"CLOSE {name}")


def _text(value: Any) -> str:
    return "" if value is None else str(value)
