"""What was billed: statements, their lines, and what each line came from."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from billing.costs.names import named
from billing.pricing.amounts import digits
from billing.pricing.types import Category
from billing.statements import evidence, reading, sections
from billing.statements.as_csv import as_csv
from billing.statements.models import Charge, Statement
from billing.statements.queries import following
from controlplane.console.pages import page, show
from controlplane.console.presenters.statements import (
    badge_of,
    base_of,
    in_unit,
    line_shown,
    percent,
    pieces_shown,
    quantity_shown,
    samples_shown,
    sections_shown,
)
from controlplane.console.queries import newest_first
from controlplane.console.views.statements_managing import manager_context
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.clock import utcnow
from controlplane.kernel.dates import read_day, read_moment
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import parse_uuid

LINES = 100
FILES = {"csv": "text/csv; charset=utf-8", "pdf": "application/pdf"}


@require_safe
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """The statements, newest first; FinOps sees everybody's, and what waits."""
    actor = request.visitor.actor
    after, before = (parse_uuid(request.GET.get(edge, "")) for edge in ("after", "before"))
    found = newest_first(reading.visible(actor), after=after, before=before)
    context = {
        "statements": [
            (
                row,
                badge_of(row),
                digits(row.total, row.currency),
                percent(row.observed_seconds, row.alive_seconds),
            )
            for row in found.rows
        ],
        "newer": found.newer and f"before={found.newer}",
        "older": found.older and f"after={found.older}",
        "everybodys": actor.sees_every_tenant,
        **manager_context(request),
    }
    return show(request, "statements/index.html", context)


@require_safe
@page
def detail(request: ConsoleRequest, statement_id: UUID) -> HttpResponse:
    """One statement with its lines."""
    row = reading.the_statement(request.visitor.actor, statement_id)
    first = _number(request.GET.get("from", ""))
    whole = reading.lines_of(row)
    lines = list(sections.in_sections(whole)[first : first + LINES + 1])
    groups = sections.groups_of(whole)
    names = _names(row, {group.account for group in groups})
    context = {
        "statement": row,
        "badge": badge_of(row),
        "total": digits(row.total, row.currency),
        "coverage": percent(row.observed_seconds, row.alive_seconds),
        "hours": in_unit("control_plane", row.alive_seconds).split()[0],
        "unknown": percent(row.unknown_seconds, row.alive_seconds) if row.unknown_seconds else "",
        "inferred": percent(row.inferred_seconds, row.alive_seconds) if row.inferred_seconds else "",
        "sections": sections_shown(row, groups, lines[:LINES], names, first=first),
        "newer": f"from={max(0, first - LINES)}" if first else "",
        "older": f"from={first + LINES}" if len(lines) > LINES else "",
        "ends_with_yesterday": reading.ends_with_yesterday(row, today=utcnow().date()),
        "may_seal": not row.problems and following(row.month) <= utcnow().date(),
        **manager_context(request),
    }
    return show(request, "statements/detail.html", context)


@require_safe
@page
def line(request: ConsoleRequest, statement_id: UUID, line_id: str) -> HttpResponse:
    """One line: its days, the hours of one, the samples of one of these."""
    row = reading.the_statement(request.visitor.actor, statement_id)
    found = reading.the_line(row, line_id)
    day, hour = read_day(request.GET.get("day", "")), _hour(request.GET.get("hour", ""))
    opens = evidence.has_evidence(found)
    days = evidence.days_of(found) if opens else []
    hours = evidence.hours_of(found, day) if opens and day else []
    samples = evidence.samples_of(found, hour) if opens and hour else []
    infers, whole = evidence.bills_inferred(found), evidence.sums_of(days)
    held, billed = whole.quantity + (whole.inferred if infers else 0), int(found.base_quantity)
    context = {
        "statement": row,
        "shown": line_shown(row, found, _names(row, {found.account})),
        "line": found,
        "opens": opens,
        "changed": _changed(row, found) if opens and found.charge_class else None,
        "base": base_of(found.meter),
        "day": day,
        "hour": hour,
        "days": pieces_shown(found, days),
        "hours": pieces_shown(found, hours),
        "samples": samples_shown(found, samples),
        "infers": infers,
        "sum": pieces_shown(found, [whole])[0] if days else None,
        "held": in_unit(found.meter, held),
        "differs": opens and not found.charge_class and held < billed,
        "is_part": found.category == Category.USAGE and not found.charge_class and 0 < billed < held,
    }
    return show(request, "statements/line.html", context)


@require_safe
@page
def file(request: ConsoleRequest, statement_id: UUID, kind: str) -> HttpResponse:
    """The statement as CSV or PDF; of a sealed one always the same bytes."""
    row = reading.the_statement(request.visitor.actor, statement_id)
    if kind not in FILES:
        raise Refused("file_unknown", "A statement comes as csv or pdf.", status=404)
    answer = HttpResponse(_written(row, kind), content_type=FILES[kind])
    answer["Content-Disposition"] = (
        f'attachment; filename="statement-{row.tenant.slug}-{row.month:%Y-%m}.{kind}"'
    )
    return answer


def _written(row: Statement, kind: str) -> bytes:
    lines = reading.lines_of(row)
    if kind == "csv":
        return as_csv(row, lines)
    from billing.statements.as_pdf import as_pdf  # its library is a tenth of what a process loads

    return as_pdf(row, lines, tenant=row.tenant.name)


def _changed(row: Statement, line: Charge) -> dict[str, Any]:
    """Return what a correction changes, and the days that it comes from as far as they are kept."""
    before = evidence.charged_before(row, line)
    return {
        "before": quantity_shown(line, before),
        "now": quantity_shown(line, before + line.quantity),
        "days": evidence.computed_anew(row, line),
    }


def _names(row: Statement, accounts: Iterable[UUID | None]) -> dict[str, str]:
    """Return what things were called when it was drafted, and accounts by the names that people gave them."""
    return row.names | named([str(account) for account in accounts if account], [])


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0  # noqa: PLR2004 - the column's width


def _hour(text: str) -> datetime | None:
    found = read_moment(text)
    return found and evidence.whole_hour(found)
