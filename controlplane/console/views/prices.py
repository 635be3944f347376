"""What things cost, for the people of a tenant: by plan and meter, with what their contract says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from billing.books.reading import Held, Prices, prices_of
from billing.costs.months import require_month
from billing.costs.sentences import money
from billing.pricing.periods import month_of
from controlplane.catalog.models import Plan
from controlplane.console.fields.read import clean
from controlplane.console.pages import page, show
from controlplane.console.presenters import prices as words
from controlplane.console.presenters.figures import grouped
from controlplane.console.views.costs import choose, own, the_tenant
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused


@require_safe
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """The prices of a month."""
    tenant, now = the_tenant(request), utcnow()
    if tenant is None:
        return choose(request)
    text = clean(request.GET.get("month", ""))
    month = month_of(require_month(text, now=now) if text else now)
    context = {
        "tenant": tenant,
        "month": month.start,
        "whole": (month.start, month.end),
        "carried": own(request),
        "earlier": f"{(month.start - timedelta(days=1)):%Y-%m}",
        "later": f"{month.end:%Y-%m}" if month.end <= now else "",
    }
    try:
        found = prices_of(tenant, month)
    except Refused as refusal:
        return show(request, "costs/prices.html", {**context, "refusal": refusal})
    return show(request, "costs/prices.html", {**context, **_told(found)})


def _told(found: Prices) -> dict[str, Any]:
    names = dict(Plan.objects.values_list("key", "name"))
    contract = found.contract
    return {
        "currency": found.currency,
        "contract": contract,
        "discount": f"{contract.discount_percent.normalize():f}" if contract else "",
        "held": [(held, _plans(held, names), _shown(held), _free(held)) for held in found.held],
        "credits": [
            (row, money(row.amount - row.drawn, row.currency), money(row.amount, row.currency))
            for row in found.credits
        ],
        "commitments": [
            (row, grouped(row.units.normalize()), words.meter_title(row.meter), money(row.fee, row.currency))
            for row in found.commitments
        ],
    }


def _plans(held: Held, names: dict[str, str]) -> str:
    if held.plans is None:
        return "Every other plan"
    return ", ".join(names.get(key, key) for key in held.plans)


def _shown(held: Held) -> list[words.LineShown]:
    return words.lines_shown(held.lines, held.currency)


def _free(held: Held) -> str:
    return ", ".join(words.meter_title(meter) for meter in held.free)
