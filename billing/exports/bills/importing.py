"""Books a bill as a whole: an open one in the place of what was booked of it before, nothing of one with a wrong row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from billing.exports import queries
from billing.exports.bills import cur, plain
from billing.exports.bills.files import digest_of, files_of, rows_of
from billing.exports.bills.line import BillLine, RowError
from billing.exports.bills.owners import Life, Owners
from billing.exports.models import ProviderBill
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import FieldError, Refused
from controlplane.kernel.ids import uuid7
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission

FORMATS: dict[str, Any] = {"cur2": cur, "csv": plain}
MOST_FAULTS = 20  # that are told; the rest is counted


@dataclass(slots=True)
class Reading:
    """What is known of a bill while it is read."""

    payer: str = ""
    month: date | None = None
    currency: str = ""
    invoices: set[str] = field(default_factory=set)
    lines: int = 0
    unblended: Decimal = Decimal(0)
    amortized: Decimal = Decimal(0)
    faults: list[FieldError] = field(default_factory=list)
    wrong: int = 0

    def take(self, line: BillLine) -> None:
        """Note a line; raises RowError where it belongs to another bill."""
        self.payer, self.month = self.payer or line.payer, self.month or line.month
        self.currency = self.currency or line.currency
        for column, one, other in (
            ("payer", line.payer, self.payer), ("month", line.month, self.month), ("currency", line.currency, self.currency),
        ):  # fmt: skip
            if one != other:
                raise RowError(
                    column, f"{one} does not belong to this bill of {other}; import each bill by itself"
                )
        self.invoices.add(line.invoice)
        self.lines += 1
        self.unblended += line.unblended
        self.amortized += line.amortized

    def note(self, place: str, error: RowError) -> None:
        """Note a wrong row."""
        self.wrong += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(
                FieldError(error.column, "row_malformed", f"{place}, column {error.column}: {error}.")
            )

    @property
    def invoice(self) -> str:
        """The invoices' numbers; "" while a line has none, for then the bill is open."""
        return "" if "" in self.invoices else ", ".join(sorted(self.invoices))[:120]


def import_bill(
    *,
    actor: Actor,
    source: str,
    file_format: str = "cur2",
    provider: str = "aws",
    final_again: bool = False,
    named: str = "",
) -> tuple[ProviderBill, bool]:
    """Book the bill at a place; returns its row and whether anything was booked: the same files again book nothing.

    `named` is what the place is called in the row, where it is a folder that is gone afterwards.

    Raises Refused: forbidden 403, format_unknown, bill_not_found 404, bill_not_readable, bill_empty, bill_malformed with every
    wrong row and column, bill_final 409 for other content of a bill that had its invoice.
    """
    if not (actor.sees_every_tenant and actor.may(Permission.COST_EXPORT)):
        raise Refused("forbidden", "Only the platform's FinOps team imports a provider's bill.", status=403)
    if file_format not in FORMATS:
        raise Refused("format_unknown", f"The format is one of {', '.join(FORMATS)}.", field="format")
    with files_of(source) as files:
        digest = digest_of(files)
        if known := ProviderBill.objects.filter(provider=provider, digest=digest).first():
            return known, False
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(queries.BILL_LINES)
            reading = _load(cursor, files, FORMATS[file_format])
            _must_be_whole(reading)
            row = _place(actor, provider, reading, digest, named or source, final_again=final_again)
            cursor.execute(queries.BOOK_LINES, {"bill": row.pk})
            told = {
                "provider": provider,
                "month": f"{row.month:%Y-%m}",
                "lines": row.lines,
                "invoice": row.invoice,
            }
            audit.record(
                "bill.import", actor=actor, tenant_id=None, target_type="bill", target_id=row.pk, changes=told
            )
    return row, True


def _load(cursor: Any, files: Sequence[Path], form: Any) -> Reading:
    """Stream the rows into a table that lasts as long as the transaction."""
    reading = Reading()
    owners = Owners(Life(*row) for row in queries.rows(queries.LIVES, []))
    with cursor.copy(queries.COPY_LINES) as copy:
        for place, line in _lines(files, form, reading):
            try:
                reading.take(line)
            except RowError as error:
                reading.note(place, error)
                continue
            owner = owners.of(line.tags, line.resource, line.day)
            whose = (owner.runtime, owner.landscape) if owner else (None, "")
            costs = (line.unblended, line.amortized)
            copy.write_row((line.day, *whose, line.meter_group, line.product, line.resource, *costs))
    return reading


def _lines(files: Sequence[Path], form: Any, reading: Reading) -> Iterator[tuple[str, BillLine]]:
    for path in files:
        for number, raw in enumerate(rows_of(path, form.NEEDED, form.USEFUL), 1):
            place = f"{path.name}, row {number}"
            try:
                yield place, form.read(raw)
            except RowError as error:
                reading.note(place, error)


def _must_be_whole(reading: Reading) -> None:
    if reading.wrong:
        more = (
            f" {reading.wrong - len(reading.faults)} more rows are wrong."
            if reading.wrong > len(reading.faults)
            else ""
        )
        detail = " ".join(fault.detail for fault in reading.faults[:3]) + more + " Nothing was booked."
        raise Refused("bill_malformed", detail, errors=tuple(reading.faults))
    if not reading.lines:
        raise Refused("bill_empty", "The bill has no rows; nothing was booked.", field="source")


def _place(
    actor: Actor, provider: str, reading: Reading, digest: str, source: str, *, final_again: bool
) -> ProviderBill:
    """Return the bill's row, emptied of what it had; two imports of one bill wait for each other."""
    assert reading.month is not None  # noqa: S101 - a bill with rows has one
    key = {"provider": provider, "payer": reading.payer, "month": reading.month}
    queries.rows(queries.LOCK_BILL, [f"{provider} {reading.payer} {reading.month}"])
    row = ProviderBill.objects.filter(**key).first() or ProviderBill(id=uuid7(), imports=0, **key)
    if row.invoice and not final_again:
        detail = (
            f"The bill of {reading.payer} for {reading.month:%B %Y} is final (invoice {row.invoice}) and this one differs; "
            "import it as final_again if the provider has really closed it anew."
        )
        raise Refused("bill_final", detail, status=409)
    row.costs.all().delete()
    row.invoice, row.currency, row.lines = reading.invoice, reading.currency, reading.lines
    row.unblended, row.amortized = reading.unblended, reading.amortized
    row.digest, row.source, row.imported_by, row.imported_at = digest, source[:500], actor.name, utcnow()
    row.imports += 1
    row.save()
    return row
