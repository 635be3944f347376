"""One runtime's costs: its month by day and meter, a day's hours, an hour's samples."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from billing.costs.breakdown import By, Narrow, figures, sum_of
from billing.costs.evidence import Hour, hours_of, samples_of
from billing.costs.months import Life, Month, month_cost, require_month, together
from billing.costs.sentences import day_in_words, money
from billing.meters.registry import meters
from billing.pricing.money import quantity_of
from billing.usage.models import Span
from billing.usage.slots import HOUR, start_of
from controlplane.console.fields.read import clean
from controlplane.console.pages import page, show
from controlplane.console.presenters import cost_charts as charts
from controlplane.console.presenters import costs as words
from controlplane.console.views.costs import day_of, own, require_tenant
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.models import Tenant
from provisioner.runtimes.models import Runtime

LAST_HOUR = 23


@require_safe
@page
def detail(request: ConsoleRequest, runtime_id: UUID) -> HttpResponse:
    """A month of one runtime."""
    (tenant, name), now = _named(request, runtime_id), utcnow()
    text = clean(request.GET.get("month", ""))
    moment = require_month(text, now=now) if text else now
    month = month_cost(tenant_id=tenant.id, moment=moment, now=now)
    narrow = Narrow(runtime=str(runtime_id))
    days = figures([month], By.DAY, narrow)
    context = {
        "tenant": tenant,
        "name": name,
        "runtime_id": runtime_id,
        "month": words.month_title(month.period.start),
        "total": money(sum_of(days), month.currency),
        "known": words.coverage_sentence(together(_lives(month, runtime_id)), whose="it"),
        "areas": charts.days_chart(month, By.METER, {}, narrow),
        "meters": words.meter_rows(figures([month], By.METER, narrow), month.currency),
        "days": [
            words.Row(
                day_in_words(date.fromisoformat(row.key)) if row.key else "Not of a single day",
                _address(runtime_id, row.key) + own(request) if row.key else "",
                money(row.cost, month.currency),
                words.known_in_words(row.known) if row.key else "-",
            )
            for row in reversed(days)
        ],
        "back": reverse("console:costs") + own(request),
    }
    return show(request, "costs/runtime.html", context)


@require_safe
@page
def day(request: ConsoleRequest, runtime_id: UUID, day: str) -> HttpResponse:
    """A day of one runtime: its hours; `?hour=` opens one to its samples."""
    (tenant, name), now = _named(request, runtime_id), utcnow()
    of = day_of(day, now)
    month = month_cost(tenant_id=tenant.id, moment=start_of(of), now=now)
    narrow = Narrow(runtime=str(runtime_id), first=of, last=of)
    hours = hours_of(tenant_id=tenant.id, runtime_id=runtime_id, day=of)
    opened = _hour(clean(request.GET.get("hour", "")), of)
    found = figures([month], By.METER, narrow)
    shown = [_hour_shown(hour) for hour in hours]
    context = {
        "tenant": tenant,
        "name": name,
        "title": f"{day_in_words(of)} {of.year}",
        "total": money(sum_of(found), month.currency),
        "known": words.coverage_sentence(
            together(life for life in _lives(month, runtime_id) if life.day == of), whose="it"
        ),
        "meters": words.meter_rows(found, month.currency),
        "hours": shown,
        "opened": opened,
        "samples": samples_of(tenant_id=tenant.id, runtime_id=runtime_id, hour=opened) if opened else [],
        "carried": own(request).replace("?", "&"),
        "back": reverse("console:cost-one", args=[runtime_id]) + own(request),
        "runtime_id": runtime_id,
    }
    return show(request, "costs/runtime_day.html", context)


def _named(request: ConsoleRequest, runtime_id: UUID) -> tuple[Tenant, str]:
    """Whose it is and what it is called; what is another's is not there, whoever asks."""
    own_tenant = request.visitor.tenant
    if own_tenant is not None:
        _name(own_tenant, runtime_id)
    tenant = require_tenant(request)
    return tenant, _name(tenant, runtime_id)


def _name(tenant: Tenant, runtime_id: UUID) -> str:
    """The runtime's name; raises Refused 404 for one that the tenant neither has nor ever had."""
    key = str(runtime_id)
    rows = Runtime.objects.filter(tenant=tenant, pk=runtime_id)
    name: str | None = rows.values_list("name", flat=True).first()
    if name is None and not Span.objects.filter(tenant=tenant, runtime=runtime_id).exists():
        raise Refused("runtime_not_found", f"There is no runtime {runtime_id}.", status=404)
    return name or f"runtime {key[:8]}"


def _lives(month: Month, runtime_id: UUID) -> list[Life]:
    return [life for life in month.lives if life.runtime == str(runtime_id)]


def _address(runtime_id: UUID, day: str) -> str:
    return reverse("console:cost-one-day", args=[runtime_id, day])


def _hour(text: str, day: date) -> datetime | None:
    if not (text.isascii() and text.isdigit()) or int(text[:3]) > LAST_HOUR:
        return None
    return start_of(day) + int(text[:3]) * HOUR


def _hour_shown(hour: Hour) -> dict[str, object]:
    known = meters()
    titles = words.Titles(By.METER, {})
    told = []
    for (meter, dimension), quantity in hour.quantities.items():
        of = known.get(meter)
        amount = f"{quantity_of(quantity, of.per_unit):,.2f} {of.unit}" if of else str(quantity)
        title = titles.of_meter(meter)
        told.append(f"{title}{f', {dimension}' if dimension else ''}: {amount}")
    return {
        "start": hour.start,
        "end": hour.start + timedelta(hours=1),
        "known": words.known_in_words(hour.known),
        "unknown": hour.known.unknown,
        "quantities": told,
        "rolled_at": hour.rolled_at,
        "revision": hour.revision,
    }
