"""The audit trail: search it, and take it away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.http import StreamingHttpResponse
from django.utils.dateparse import parse_datetime
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.pages import page
from controlplane.api.parameters import PAGES, TENANT, Parameter, Query
from controlplane.api.shapes.audit import AUDIT_LINES, AUDIT_LIST
from controlplane.api.views.base import ApiView
from controlplane.kernel.errors import FieldError, Refused
from controlplane.tenants.audit.exporting import as_json, begin_export
from controlplane.tenants.audit.reading import Search, visible
from controlplane.tenants.models import AuditEvent

LINES = "application/x-ndjson"
_MOMENT = {"type": "string", "format": "date-time"}
FILTERS = (
    Parameter("actor", "Who did it, exactly: a user name, or `token:` and a token's name."),
    Parameter(
        "action", "What was done, as `runtime.create`; with a dot at the end all below, as `runtime.`."
    ),
    Parameter("target", "Id of what it was done to."),
    Parameter("outcome", "Whether it was done or refused.", {"type": "string", "enum": ["done", "denied"]}),
    Parameter("request_id", "The request that did it."),
    Parameter("text", "Words anywhere in a row; within the last 30 days unless `since` says otherwise."),
    Parameter("since", "From this moment on.", _MOMENT, example="2026-01-01T00:00:00Z"),
    Parameter("until", "Before this moment.", _MOMENT, example="2026-02-01T00:00:00Z"),
    TENANT,
)


EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


class AuditList(ApiView):
    """Who did what."""

    @contract(
        operation_id="search_audit",
        summary="Search the audit trail",
        tag="audit",
        answers={200: AUDIT_LIST},
        query=(*PAGES, *FILTERS),
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return one page, newest first."""
        rows = visible(actor_of(request), search_of(self.query))
        return Response(page(request, self.query, rows, _written))


class AuditExport(ApiView):
    """The trail as lines."""

    @contract(
        operation_id="export_audit",
        summary="Export the audit trail as JSON Lines",
        tag="audit",
        answers={200: AUDIT_LINES},
        query=FILTERS,
        problems=(403,),
        media_types=(LINES,),
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Stream every row of a period: at most 92 days, the last seven unless told; the export itself is audited."""
        lines = begin_export(actor_of(request), search_of(self.query))
        answer = StreamingHttpResponse(lines, content_type=LINES)
        answer["Content-Disposition"] = 'attachment; filename="audit.jsonl"'
        answer["Cache-Control"] = "no-store"
        return answer


def search_of(query: Query) -> Search:
    """Read the filters; raises Refused 400 for a moment that is none."""
    (outcome,) = query.many("outcome", allowed=("done", "denied")) or [""]
    words = {name: query.text(name) for name in ("actor", "action", "target", "request_id", "text", "tenant")}
    return Search(
        **words,
        outcome=outcome,
        since=moment(query.text("since"), "since"),
        until=moment(query.text("until"), "until"),
    )


def moment(text: str, name: str) -> datetime | None:
    """Read a moment with its zone, or none; raises Refused invalid_parameter 400."""
    if not text:
        return None
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        detail = f"“{name}” must be a time with its zone, as 2026-01-31T00:00:00Z."
        raise Refused(
            "invalid_parameter", detail, status=400, errors=(FieldError(name, "invalid_parameter", detail),)
        )
    # At the ends of the calendar no zone can be taken off any more; nothing of ours happened there.
    is_far = not EARLIEST.year <= found.year < LATEST.year
    return min(max(found.replace(tzinfo=UTC), EARLIEST), LATEST) if is_far else found.astimezone(UTC)


def _written(rows: Sequence[AuditEvent]) -> list[dict[str, Any]]:
    return [as_json(row) for row in rows]
