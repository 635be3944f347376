"""Costs: the month so far, by its end, by day and by whatever; each figure opens to what it came from."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from billing.costs.anomalies import dismiss_anomaly, visible_anomalies
from billing.costs.breakdown import By, Narrow, figures, sum_of
from billing.costs.budgets import visible_budgets
from billing.costs.checking import stands_of
from billing.costs.models import AnomalyState
from billing.costs.months import Month, month_cost, require_month, together
from billing.costs.names import named, names_of
from billing.costs.sentences import day_in_words, money
from billing.costs.summary import Overview, overview, trend
from billing.costs.tables import cells_as_csv
from billing.meters.registry import meters
from billing.usage.slots import start_of
from controlplane.console.fields.read import clean
from controlplane.console.pages import page, show
from controlplane.console.presenters import cost_charts as charts
from controlplane.console.presenters import costs as words
from controlplane.console.visitor import ConsoleRequest, Visitor, require
from controlplane.kernel.clock import utcnow
from controlplane.kernel.dates import read_day
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM, Permission
from controlplane.tenants.models import Tenant

LATELY = timedelta(days=35)
MOST_ANOMALIES = 10
LISTED = 200  # tenants to choose from


@require_safe
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """One month of one tenant."""
    visitor, now = request.visitor, utcnow()
    tenant = the_tenant(request)
    if tenant is None:
        return choose(request)
    moment = _moment(request, now)
    by = By(request.GET.get("by", "")) if request.GET.get("by") in set(By) - {By.DAY} else By.ACCOUNT
    narrow = _narrow(request)
    try:
        found = overview(tenant_id=tenant.id, moment=moment, now=now)
    except Refused as refusal:
        if refusal.code != "prices_missing":
            raise
        return show(request, "costs/unpriced.html", {"tenant": tenant, "refusal": refusal})
    names = names_of([found.month])
    context = {
        "tenant": tenant,
        "narrowed": ", ".join(filter(None, [words.meter_title(narrow), names.get(narrow.account, "")])),
        "by": by,
        "tabs": [(one, _address(visitor, tenant, found.month, by=one, **_carried(narrow))) for one in TABS],
        "everything": _address(visitor, tenant, found.month, by=by),
        "may_manage": visitor.may(Permission.COST_MANAGE, tenant),
        **_told(found, tenant, now),
        **_drawn(found.month, by, names, narrow, _links(found.month, by, narrow, visitor, tenant)),
        **_watched(tenant, names, now),
        "trend": charts.trend_chart(trend(tenant_id=tenant.id, now=now)),
        "carried": own(request),
        "csv": reverse("console:cost-export") + _query(visitor, tenant, found.month),
    }
    return show(request, "costs/index.html", context)


TABS = (By.ACCOUNT, By.RUNTIME, By.METER)


@require_safe
@page
def export(request: ConsoleRequest) -> HttpResponse:
    """A month as CSV: a line for each meter of each runtime's day."""
    tenant, now = require_tenant(request), utcnow()
    month = month_cost(tenant_id=tenant.id, moment=_moment(request, now), now=now)
    lines = cells_as_csv([month], names_of([month]))
    response: Any = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    name = f"costs-{tenant.slug}-{month.period.start:%Y-%m}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    found: HttpResponse = response
    return found


@require_safe
@page
def day(request: ConsoleRequest, day: str) -> HttpResponse:
    """One day: which runtimes it cost, and of which meters."""
    tenant, now = require_tenant(request), utcnow()
    of = day_of(day, now)
    month = month_cost(tenant_id=tenant.id, moment=start_of(of), now=now)
    narrow = Narrow(first=of, last=of)
    names = names_of([month])
    runtimes = figures([month], By.RUNTIME, narrow)
    context = {
        "tenant": tenant,
        "day": of,
        "title": f"{day_in_words(of)} {of.year}",
        "total": money(sum_of(runtimes), month.currency),
        "known": words.coverage_sentence(together(life for life in month.lives if life.day == of)),
        "rows": [
            words.Row(
                names.get(figure.key) or f"runtime {figure.key[:8]}",
                reverse("console:cost-one-day", args=[figure.key, of.isoformat()]) + own(request),
                money(figure.cost, month.currency),
                words.known_in_words(figure.known),
            )
            for figure in runtimes
            if figure.key
        ],
        "meters": words.meter_rows(figures([month], By.METER, narrow), month.currency),
        "back": reverse("console:costs") + _query(request.visitor, tenant, month),
    }
    return show(request, "costs/day.html", context)


@require_POST
@page
def dismiss(request: ConsoleRequest, anomaly_id: UUID) -> HttpResponse:
    """Say why a day is as it should be."""
    dismiss_anomaly(
        actor=request.visitor.actor, anomaly_id=anomaly_id, reason=clean(request.POST.get("reason", ""))
    )
    messages.success(request, "The day is dismissed; your reason stands with it.")
    return redirect("console:costs")


def choose(request: ConsoleRequest) -> HttpResponse:
    """Let the platform's team say whose costs it wants: a name in a list, or a slug where there are more."""
    tenants = list(Tenant.objects.order_by("slug")[: LISTED + 1])
    asked = clean(request.GET.get("tenant", ""))[:63]
    context = {"tenants": tenants[:LISTED], "more": len(tenants) > LISTED, "asked": asked}
    return show(request, "costs/choose.html", context, status=404 if asked else 200)


def the_tenant(request: ConsoleRequest) -> Tenant | None:
    """Return whose costs are shown, None where the platform's team has yet to choose; raises Refused 403."""
    visitor = request.visitor
    if visitor.tenant is None:
        if not visitor.actor.may(Permission.COST_READ):
            raise Refused("forbidden", "Your role does not show costs.", status=403)
        return Tenant.objects.filter(slug=clean(request.GET.get("tenant", ""))).first()
    return require(visitor, Permission.COST_READ)


def require_tenant(request: ConsoleRequest) -> Tenant:
    """Return whose costs are shown; raises Refused 403, 404."""
    tenant = the_tenant(request)
    if tenant is None:
        raise Refused("tenant_required", "Choose a tenant on the page of costs first.", status=404)
    return tenant


def own(request: ConsoleRequest) -> str:
    """Return what addresses carry on for the platform's team: whose costs they look at."""
    named = request.GET.get("tenant", "")
    return "?" + urlencode({"tenant": clean(named)}) if named and request.visitor.tenant is None else ""


def day_of(text: str, now: datetime) -> date:
    """Return a day that has come; raises Refused 404."""
    found = read_day(text)
    if found is None or not date(2000, 1, 1) <= found <= now.date():
        raise Refused("day_not_found", "There is no such day; take one of the table of days.", status=404)
    return found


def _moment(request: ConsoleRequest, now: datetime) -> datetime:
    text = clean(request.GET.get("month", ""))
    return require_month(text, now=now) if text else now


def _query(visitor: Visitor, tenant: Tenant, month: Month, **more: str) -> str:
    named = {"tenant": tenant.slug} if visitor.tenant is None else {}
    return "?" + urlencode({"month": f"{month.period.start:%Y-%m}", **named, **more})


def _narrow(request: ConsoleRequest) -> Narrow:
    """Return which account or meter the page is about, as the address says; what is no meter is nothing."""
    account, meter, dimension = (
        clean(request.GET.get(name, "")) for name in ("account", "meter", "dimension")
    )
    if meter not in meters():
        return Narrow(account=account[:36])
    return Narrow(account=account[:36], meter=meter, dimension=dimension[:120])


def _carried(narrow: Narrow) -> dict[str, str]:
    named = {"account": narrow.account, "meter": narrow.meter, "dimension": narrow.dimension}
    return {name: value for name, value in named.items() if value}


def _address(visitor: Visitor, tenant: Tenant, month: Month, *, by: By, **more: str) -> str:
    return reverse("console:costs") + _query(visitor, tenant, month, by=str(by), **more)


def _links(
    month: Month, by: By, narrow: Narrow, visitor: Visitor, tenant: Tenant
) -> dict[tuple[str, str], str]:
    """Where the rows behind each bar are: a meter's or an account's are its runtimes."""
    carried, found = _carried(narrow), {}
    for cell in month.cells:
        key = {By.METER: cell.meter, By.ACCOUNT: cell.account, By.RUNTIME: cell.runtime}[by]
        place = (key, cell.dimension if by is By.METER else "")
        if not key or place in found:
            continue
        if by is By.RUNTIME:
            found[place] = reverse("console:cost-one", args=[key]) + _query(visitor, tenant, month)
            continue
        mine = {"account": key} if by is By.ACCOUNT else {"meter": key, "dimension": cell.dimension}
        more = {name: value for name, value in {**carried, **mine}.items() if value}
        found[place] = _address(visitor, tenant, month, by=By.RUNTIME, **more)
    return found


def _told(found: Overview, tenant: Tenant, now: datetime) -> dict[str, Any]:
    month = found.month
    this = now.date().replace(day=1)
    first = month.period.start.date()
    before = (first - timedelta(days=1)).replace(day=1)
    return {
        "month": words.month_title(first),
        "is_over": month.is_over,
        "is_empty": found.is_empty,
        "until": month.until,
        "total": money(month.total, month.currency),
        "credit": money(-month.credit, month.currency) if month.credit else "",
        "outlook": words.outlook_shown(found.outlook, month.currency),
        "compared": words.compared_sentence(found.comparison, month.currency, going_on=not month.is_over),
        "seen": words.known_in_words(month.known),
        "known": words.coverage_sentence(month.known),
        "problems": words.problems_shown(found),
        "sealed": found.sealed,
        "sealed_total": money(found.sealed.total, found.sealed.currency) if found.sealed else "",
        "corrected": len(found.corrected_days),
        "statement": found.statement,
        "beside": money(found.beside, found.statement.currency) if found.statement and found.beside else "",
        "earlier": f"{before:%Y-%m}",
        "earlier_title": words.month_title(before),
        "later": f"{month.period.end:%Y-%m}" if first < this else "",
        "later_title": words.month_title(month.period.end),
    }


def _drawn(
    month: Month, by: By, names: dict[str, str], narrow: Narrow, links: dict[tuple[str, str], str]
) -> dict[str, Any]:
    return {
        "areas": charts.days_chart(month, by, names, narrow),
        "bars": charts.bars_chart(month, by, names, narrow, links),
        "days": words.day_rows(month, narrow),
    }


def _watched(tenant: Tenant, names: dict[str, str], now: datetime) -> dict[str, Any]:
    """Budgets as they stand, and the newest days out of the ordinary."""
    budgets = list(visible_budgets_of(tenant))
    stands = stands_of(tenant_id=tenant.id, budgets=budgets, moment=now, now=now)
    days = visible_anomalies_of(tenant, now)
    known = names | named(
        {str(row.account) for row in budgets if row.account}, {str(row.runtime) for row in days}
    )
    return {
        "budget_month": words.month_title(now),
        "budgets": [
            (words.budget_shown(row, stands[row.id], known), stands[row.id].problem) for row in budgets
        ],
        "anomalies": [words.anomaly_shown(row, known) for row in days],
    }


def visible_budgets_of(tenant: Tenant) -> Any:
    """Return a tenant's budgets by name."""
    return visible_budgets(SYSTEM).filter(tenant=tenant)


def visible_anomalies_of(tenant: Tenant, now: datetime) -> list[Any]:
    """Return a tenant's newest open days out of the ordinary."""
    rows = visible_anomalies(SYSTEM).filter(
        tenant=tenant, state=AnomalyState.OPEN, day__gte=now.date() - LATELY
    )
    return list(rows.order_by("-day", "id")[:MOST_ANOMALIES])
