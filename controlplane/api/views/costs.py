"""What a tenant's runtimes cost: the month so far, by its end, by whatever, and as CSV."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.http import StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from billing.costs.breakdown import By, Narrow, figures, sum_of
from billing.costs.months import load, rated_month, require_month
from billing.costs.names import names_of
from billing.costs.projecting import month_outlook
from billing.costs.summary import months_between, overview, trend
from billing.costs.tables import cells_as_csv
from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.parameters import TENANT, Parameter
from controlplane.api.shapes.cost import (
    BREAKDOWN,
    CSV_LINES,
    FORECAST,
    SUMMARY,
    amount,
    figure_json,
    forecast_json,
    summary_json,
)
from controlplane.api.views.base import ApiView
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import FieldError, Refused
from controlplane.tenants.access import Permission
from controlplane.tenants.models import Tenant
from controlplane.tenants.rights import require

LONGEST = timedelta(days=366)
_DAY = {"type": "string", "format": "date"}
MONTH = Parameter(
    "month", "A month, as 2026-11; this one unless told.", {"type": "string"}, example="2026-11"
)
FROM = Parameter(
    "from", "The first day, inclusive; the first of this month unless told.", _DAY, example="2026-11-01"
)
TO = Parameter(
    "to",
    "The last day, inclusive; today unless told. (/usage and /charges end before the day that their “to” names.)",
    _DAY,
    example="2026-11-30",
)
BY = Parameter("by", "What to add up by.", {"type": "string", "enum": [str(by) for by in By]})
ACCOUNT = Parameter("account", "Id or slug of one account.")
RUNTIME = Parameter("runtime", "Id of one runtime.")
METER = Parameter("meter", "Key of one meter.")
NARROWING = (FROM, TO, ACCOUNT, RUNTIME, METER, TENANT)


class CostView(ApiView):
    """Something about what one tenant's runtimes cost."""

    def owner(self, request: Request) -> Tenant:
        """Return the tenant it is about, if the actor may see its costs; raises Refused."""
        actor = actor_of(request)
        named = self.query.text("tenant")
        if actor.tenant_id is None and not named:
            detail = "Your token belongs to no tenant; add ?tenant= with the slug of one."
            raise Refused("tenant_required", detail, status=400)
        tenant = scope.the_tenant(actor, named or str(actor.tenant_id))
        require(actor, Permission.COST_READ, tenant_id=tenant.id)
        return tenant

    def narrowed(self, request: Request, now: datetime) -> tuple[date, date, Narrow]:
        """Return the days and what else is asked for; raises Refused 400."""
        today = now.date()
        last = self.query.day("to") or today
        first = self.query.day("from") or last.replace(day=1)
        if first > last or last - first > LONGEST or first > today or first.year < 2000:  # noqa: PLR2004
            detail = f"from must not come after to or today, and at most {LONGEST.days} days before to."
            raise Refused(
                "period_invalid", detail, status=400, errors=(FieldError("from", "period_invalid", detail),)
            )
        account = self.query.text("account")
        runtime = self.query.text("runtime")
        whole = first.day == 1 and ((last + timedelta(days=1)).day == 1 or last >= today)
        narrow = Narrow(
            account=str(scope.the_account(actor_of(request), account, self.query).id) if account else "",
            runtime=str(scope.id_of("runtime", runtime)) if runtime else "",
            meter=self.query.text("meter"),
            first=None if whole else first,
            last=None if whole else last,
        )
        return first, min(last, today), narrow


class Costs(CostView):
    """A month."""

    @contract(
        operation_id="read_costs",
        summary="Read what a month costs",
        tag="costs",
        answers={200: SUMMARY},
        query=(MONTH, TENANT),
        problems=(403, 404, 409),
    )
    def get(self, request: Request) -> Response:
        """Return the month so far, its forecast, the same days of last month, and the trend of a year."""
        tenant, now = self.owner(request), utcnow()
        text = self.query.text("month")
        moment = require_month(text, now=now) if text else now
        found = overview(tenant_id=tenant.id, moment=moment, now=now)
        return Response(summary_json(tenant.slug, found, trend(tenant_id=tenant.id, now=now)))


class CostForecast(CostView):
    """What this month will have cost."""

    @contract(
        operation_id="read_cost_forecast",
        summary="Forecast this month's costs",
        tag="costs",
        answers={200: FORECAST},
        query=(TENANT,),
        problems=(403, 404, 409),
    )
    def get(self, request: Request) -> Response:
        """Return what is expected by the month's end, rated from the use of recent days; nulls where these are too few."""
        tenant, now = self.owner(request), utcnow()
        material = load(tenant_id=tenant.id, moment=now, now=now)
        month = rated_month(material, tenant_id=tenant.id)
        outlook = month_outlook(tenant_id=tenant.id, now=now, material=material, month=month)
        return Response(forecast_json(tenant.slug, month.currency, outlook))


class CostBreakdown(CostView):
    """Costs by something."""

    @contract(
        operation_id="read_cost_breakdown",
        summary="Break costs down",
        tag="costs",
        answers={200: BREAKDOWN},
        query=(BY, *NARROWING),
        problems=(403, 404, 409),
    )
    def get(self, request: Request) -> Response:
        """Return costs by account (unless told), runtime, meter or day, the dearest first, each with its coverage."""
        tenant, now = self.owner(request), utcnow()
        (by,) = self.query.many("by", allowed=[str(one) for one in By]) or [By.ACCOUNT]
        first, last, narrow = self.narrowed(request, now)
        months = months_between(tenant_id=tenant.id, first=first, last=last, now=now)
        rows = figures(months, By(by), narrow)
        names, currency = names_of(months), months[0].currency
        return Response(
            {
                "tenant": tenant.slug,
                "by": by,
                "from": first.isoformat(),
                "to": last.isoformat(),
                "currency": currency,
                "total": amount(sum_of(rows), currency),
                "rows": [figure_json(row, By(by), names, currency) for row in rows],
            }
        )


class CostExport(CostView):
    """The finest figures."""

    @contract(
        operation_id="export_costs",
        summary="Export costs as CSV",
        tag="costs",
        answers={200: CSV_LINES},
        query=NARROWING,
        problems=(403, 404, 409),
        media_types=("text/csv",),
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Return a line for each meter of each runtime's day; a line without a day belongs to its month as a whole."""
        tenant, now = self.owner(request), utcnow()
        first, last, narrow = self.narrowed(request, now)
        months = months_between(tenant_id=tenant.id, first=first, last=last, now=now)
        lines = cells_as_csv(months, names_of(months), narrow)
        answer = StreamingHttpResponse(lines, content_type="text/csv")
        answer["Content-Disposition"] = f'attachment; filename="costs-{first}-{last}.csv"'
        answer["Cache-Control"] = "no-store"
        return answer
