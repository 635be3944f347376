"""A statement as CSV: one row a line, the same bytes for the same sealed statement."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from billing.pricing.amounts import plain
from billing.statements.canonical import moment
from billing.statements.models import Charge, Statement
from billing.statements.reading import name_in

HEADER = (
    "statement", "month", "line", "category", "class", "corrects", "account", "account_name", "runtime", "runtime_name",
    "plan", "region", "meter", "dimension", "start", "end", "quantity", "unit", "list_unit_price", "contracted_unit_price",
    "list_cost", "contracted_cost", "billed_cost", "effective_cost", "currency", "price_book", "price_line", "part",
    "commitment", "commitment_status", "credit", "observed_seconds", "alive_seconds", "description",
)  # fmt: skip
_RISKY = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would reckon with a text that begins so


def as_csv(row: Statement, lines: Iterable[Charge]) -> bytes:
    """Return the file; a draft is called so in its first column."""
    number = str(row.number) if row.number else "draft"
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADER)
    for line in lines:
        writer.writerow([number, f"{row.month:%Y-%m}", *_fields(row, line)])
    return out.getvalue().encode()


def _fields(row: Statement, line: Charge) -> list[str]:
    origin = f"{line.origin_month:%Y-%m}" if line.origin_month else ""
    book = f"{line.book}/{line.book_version}" if line.book else ""
    return [
        line.line_id, line.category, line.charge_class, origin,
        str(line.account or ""), _text(name_in(row.names, line.account)),
        str(line.runtime or ""), _text(name_in(row.names, line.runtime)),
        line.plan, line.region, line.meter, _text(line.dimension), moment(line.period_start), moment(line.period_end),
        plain(line.quantity) if line.unit else "", line.unit,
        plain(line.list_unit_price) if line.unit else "", plain(line.contracted_unit_price) if line.unit else "",
        plain(line.list_cost), plain(line.contracted_cost), plain(line.billed_cost), plain(line.effective_cost),
        line.currency, book, line.price_line, line.part, line.commitment, line.commitment_status, _text(line.credit),
        str(line.observed_seconds), str(line.alive_seconds), _text(line.description),
    ]  # fmt: skip


def _text(text: str) -> str:
    return f"'{text}" if text.startswith(_RISKY) else text
