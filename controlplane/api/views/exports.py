"""Usage and charges as rows; FOCUS exports, providers' bills, reconciliation and margin for the FinOps team."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from billing.exports.comparing import margin, reconcile
from billing.exports.management.commands.focus import month_of
from billing.exports.reading import Narrow, charge_rows, usage_rows
from billing.exports.services import ask_export, visible_exports
from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.idempotency import Answer, once
from controlplane.api.keysets import next_url, read_key
from controlplane.api.pages import page
from controlplane.api.parameters import PAGES, TENANT, Parameter
from controlplane.api.shapes import exports as shapes
from controlplane.api.views.base import ApiView
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import FieldError, Refused

LONGEST = timedelta(days=366)
_DAY = {"type": "string", "format": "date"}
FROM = Parameter(
    "from", "The first day, inclusive; the first of this month unless told.", _DAY, example="2026-01-01"
)
TO = Parameter(
    "to",
    "The day after the last one, exclusive; tomorrow unless told. (The “to” of /costs is the last day itself.)",
    _DAY,
    example="2026-02-01",
)
RUNTIME = Parameter("runtime", "Id of one runtime.")
METER = Parameter("meter", "Key of one meter.")
MONTH = Parameter("month", "A month, as 2026-01; the last one unless told.", example="2026-01")
BY = Parameter(
    "by", "What margins are of.", {"type": "string", "enum": ["tenant", "plan"], "default": "tenant"}
)
NARROWING = (FROM, TO, RUNTIME, METER, TENANT)
USAGE_KEY = ("day", "source", "tenant_id", "account", "plan", "meter", "dimension")
CHARGE_KEY = ("statement_id", "line_id")


class RowView(ApiView):
    """What both kinds of row share."""

    def narrow(self, request: Request) -> Narrow:
        """Read what is asked for; raises Refused 400 and 404."""
        actor, today = actor_of(request), utcnow().date()
        first = self.query.day("from") or today.replace(day=1)
        last = self.query.day("to") or max(today, first) + timedelta(days=1)
        if first >= last or last - first > LONGEST:
            raise _wrong(
                "from", f"“from” must lie before “to”, by at most {LONGEST.days} days.", "period_invalid"
            )
        named = self.query.text("tenant")
        tenant = scope.the_tenant(actor, named).pk if named else actor.tenant_id
        runtime = self.query.text("runtime")
        return Narrow(
            first,
            last,
            tenant,
            scope.id_of("runtime", runtime) if runtime else None,
            self.query.text("meter"),
        )

    def page_of(
        self, request: Request, rows: list[dict[str, Any]], key: Sequence[str], write: Any
    ) -> Response:
        """Answer with the rows that fit; one more than asked for says that there is a next page."""
        limit = self.query.limit()
        following = next_url(request, [rows[limit - 1][name] for name in key]) if len(rows) > limit else None
        return Response({"results": [write(row) for row in rows[:limit]], "next": following})


class UsageList(RowView):
    """Days of usage."""

    @contract(
        operation_id="list_usage",
        summary="List usage by day, runtime and meter",
        tag="usage",
        answers={200: shapes.USAGE_LIST},
        query=(*PAGES, *NARROWING),
        problems=(403, 404),
    )
    def get(self, request: Request) -> Response:
        """Return one page of days that are over; members see the own tenant, the FinOps team all."""
        kinds = (date, int, UUID, UUID, str, str, str)
        after = read_key(self.query.text("cursor"), kinds)
        narrow, limit = self.narrow(request), self.query.limit()
        rows = usage_rows(actor=actor_of(request), narrow=narrow, after=after, limit=limit + 1)
        return self.page_of(request, rows, USAGE_KEY, shapes.usage_json)


class ChargeList(RowView):
    """Lines of statements."""

    @contract(
        operation_id="list_charges",
        summary="List the charges of statements whose month begins in a period",
        tag="usage",
        answers={200: shapes.CHARGE_LIST},
        query=(*PAGES, *NARROWING),
        problems=(403, 404),
    )
    def get(self, request: Request) -> Response:
        """Return one page; members see the own tenant, the FinOps team all."""
        after = read_key(self.query.text("cursor"), (UUID, str))
        narrow, limit = self.narrow(request), self.query.limit()
        rows = charge_rows(actor=actor_of(request), narrow=narrow, after=after, limit=limit + 1)
        return self.page_of(request, rows, CHARGE_KEY, shapes.charge_json)


class FocusExportList(ApiView):
    """Exports of everybody's charges."""

    @contract(
        operation_id="list_focus_exports",
        summary="List FOCUS exports",
        tag="exports",
        answers={200: shapes.FOCUS_EXPORT_LIST},
        query=PAGES,
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return one page."""
        rows = visible_exports(actor_of(request))
        return Response(
            page(request, self.query, rows, lambda found: [shapes.focus_export_json(row) for row in found])
        )

    @contract(
        operation_id="create_focus_export",
        summary="Have a month written as FOCUS",
        tag="exports",
        answers={202: shapes.FOCUS_EXPORT},
        body=shapes.FOCUS_EXPORT_REQUEST,
        problems=(403, 409),
        idempotent=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Have it written to the place that the operator set up; one that waits already is answered."""
        body = self.body(request)

        def act() -> Answer:
            row = ask_export(
                actor=actor_of(request),
                month=month_of(body["month"]),
                version=body.get("version", "1.4"),
                file_format=body.get("format", "csv"),
            )
            return Answer(202, shapes.focus_export_json(row))

        return once(request, act)


class MonthView(ApiView):
    """Something about one month of everybody."""

    def month(self) -> date:
        """Return the month that is asked for; raises Refused 400."""
        text = self.query.text("month")
        if not text:
            return (utcnow().date().replace(day=1) - timedelta(days=1)).replace(day=1)
        try:
            found = month_of(text)
        except Refused as refusal:
            raise _wrong("month", refusal.detail) from refusal
        if not 2000 <= found.year < 9000:  # noqa: PLR2004 - nothing of ours is outside of it
            raise _wrong("month", "Nothing of ours is that far away.")
        return found


class ReconciliationView(MonthView):
    """Provider, measured, billed."""

    @contract(
        operation_id="get_reconciliation",
        summary="Set the provider's bill beside what was measured and what was billed",
        tag="exports",
        answers={200: shapes.RECONCILIATION},
        query=(MONTH,),
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return a month's rows; what no runtime owns is one of them, so that totals tie."""
        return Response(shapes.reconciliation_json(reconcile(actor=actor_of(request), month=self.month())))


class MarginView(MonthView):
    """What is left."""

    @contract(
        operation_id="get_margin",
        summary="What is left of a month by tenant or plan, and what a trial cost",
        tag="exports",
        answers={200: shapes.MARGIN},
        query=(MONTH, BY),
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return a month's margins."""
        (by,) = self.query.many("by", allowed=("tenant", "plan")) or ["tenant"]
        return Response(shapes.margin_json(margin(actor=actor_of(request), month=self.month(), by=by), by))


def _wrong(name: str, detail: str, code: str = "invalid_parameter") -> Refused:
    return Refused(code, detail, status=400, errors=(FieldError(name, code, detail),))
