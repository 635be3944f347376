"""Statements: list, read, take away, open a line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from billing.pricing.amounts import plain
from billing.statements import asking, evidence, reading
from billing.statements.as_csv import as_csv
from billing.statements.models import State, Statement
from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.pages import page
from controlplane.api.parameters import CURSOR, LIMIT, PAGES, TENANT, Parameter, Query
from controlplane.api.shapes import statement as shapes
from controlplane.api.views.base import ApiView
from controlplane.kernel.errors import FieldError, Refused
from controlplane.tenants.addresses import base_of

STATES = [str(state) for state in State]
FILTERS = (
    Parameter("state", "Drafts, or what is sealed.", {"type": "string", "enum": STATES}),
    Parameter("month", "One month, as 2026-10.", example="2026-10"),
    TENANT,
)
DAY = Parameter(
    "day", "Show the hours of this day too.", {"type": "string", "format": "date"}, example="2026-10-31"
)
HOUR = Parameter(
    "hour",
    "Show the samples of this hour too.",
    {"type": "string", "format": "date-time"},
    example="2026-10-31T23:00:00Z",
)


class StatementList(ApiView):
    """The statements of a tenant; of every tenant for FinOps."""

    @contract(
        operation_id="list_statements",
        summary="List statements",
        tag="statements",
        answers={200: shapes.STATEMENT_LIST},
        query=(*PAGES, *FILTERS),
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return one page, drafts among them."""
        rows, query = reading.visible(actor_of(request)), self.query
        if states := query.many("state", allowed=STATES):
            rows = rows.filter(state__in=states)
        if month := query.text("month"):
            rows = rows.filter(month=_month(month))
        if slug := query.text("tenant"):
            rows = rows.filter(tenant__slug=slug)
        base = base_of(request)

        def write(found: Sequence[Statement]) -> list[dict[str, Any]]:
            return [shapes.statement_json(row, base=base) for row in found]

        return Response(page(request, query, rows, write))


class StatementDetail(ApiView):
    """One statement."""

    @contract(
        operation_id="read_statement",
        summary="Read a statement",
        tag="statements",
        answers={200: shapes.STATEMENT},
        problems=(403, 404),
    )
    def get(self, request: Request, statement: str) -> Response:
        """Return total, coverage, digests; the lines have an address of their own."""
        return Response(shapes.statement_json(found_statement(request, statement), base=base_of(request)))


class StatementLines(ApiView):
    """The lines of a statement."""

    @contract(
        operation_id="list_statement_lines",
        summary="List the lines of a statement",
        tag="statements",
        answers={200: shapes.LINE_LIST},
        query=PAGES,
        problems=(403, 404),
    )
    def get(self, request: Request, statement: str) -> Response:
        """Return one page, in the statement's order. The lines of a draft may be others on the next page."""
        row, base, limit = found_statement(request, statement), base_of(request), self.query.limit()
        lines = reading.lines_of(row).filter(position__gte=_position(self.query))
        found = list(lines[: limit + 1])
        following = None
        if len(found) > limit:
            edge = {LIMIT.name: limit, CURSOR.name: found[limit].position}
            following = f"{base}{request.path}?{urlencode(edge)}"
        results = [shapes.line_json(row, line, base=base) for line in found[:limit]]
        return Response({"results": results, "next": following})


class StatementLine(ApiView):
    """One line, opened."""

    @contract(
        operation_id="open_statement_line",
        summary="Open a line to its days, hours and samples",
        tag="statements",
        answers={200: shapes.EVIDENCE},
        query=(DAY, HOUR),
        problems=(403, 404),
    )
    def get(self, request: Request, statement: str, line: str) -> Response:
        """Return the days that a line came from, as they are known now; a fee has none."""
        row = found_statement(request, statement)
        found = reading.the_line(row, line)
        day, moment = self.query.day("day"), self.query.moment("hour")
        hour = moment and evidence.whole_hour(moment)
        opens = evidence.has_evidence(found)
        return Response(
            shapes.evidence_json(
                shapes.line_json(row, found, base=base_of(request)),
                plain(found.base_quantity),
                evidence.days_of(found) if opens else [],
                evidence.hours_of(found, day) if opens and day else [],
                evidence.samples_of(found, hour) if opens and hour else [],
            )
        )


class StatementCsv(ApiView):
    """A statement as CSV."""

    @contract(
        operation_id="download_statement_csv",
        summary="Download a statement as CSV",
        tag="statements",
        answers={200: shapes.CSV_FILE},
        problems=(403, 404),
        media_types=("text/csv",),
    )
    def get(self, request: Request, statement: str) -> HttpResponse:
        """Return the same bytes each time for what is sealed."""
        row = found_statement(request, statement)
        return attached(as_csv(row, reading.lines_of(row)), row, "csv")


class StatementPdf(ApiView):
    """A statement as PDF."""

    @contract(
        operation_id="download_statement_pdf",
        summary="Download a statement as PDF",
        tag="statements",
        answers={200: shapes.PDF_FILE},
        problems=(403, 404),
        media_types=("application/pdf",),
    )
    def get(self, request: Request, statement: str) -> HttpResponse:
        """Return the same bytes each time for what is sealed."""
        from billing.statements.as_pdf import as_pdf  # its library is a tenth of what a process loads

        row = found_statement(request, statement)
        return attached(as_pdf(row, reading.lines_of(row), tenant=row.tenant.name), row, "pdf")


def attached(body: bytes, row: Statement, kind: str) -> HttpResponse:
    """Answer with a file."""
    media = {"csv": "text/csv; charset=utf-8", "pdf": "application/pdf"}[kind]
    answer = HttpResponse(body, content_type=media)
    answer["Content-Disposition"] = (
        f'attachment; filename="statement-{row.tenant.slug}-{row.month:%Y-%m}.{kind}"'
    )
    answer["Cache-Control"] = "no-store"
    return answer


def found_statement(request: Request, text: str) -> Statement:
    """Return the statement that a path names; raises Refused 403, 404."""
    return reading.the_statement(actor_of(request), scope.id_of("statement", text))


def _position(query: Query) -> int:
    text = query.text("cursor") or "0"
    if not text.isdecimal() or len(text) > 9:  # noqa: PLR2004 - the column's width
        raise _invalid(
            "cursor", "The cursor is not one of ours; take it from `next`, or leave it out to begin anew."
        )
    return int(text)


def _month(text: str) -> date:
    try:
        return asking.read_month(text)
    except Refused as refusal:
        raise _invalid("month", refusal.detail) from refusal


def _invalid(name: str, detail: str) -> Refused:
    error = FieldError(name, "invalid_parameter", detail)
    return Refused("invalid_parameter", detail, status=400, errors=(error,))
