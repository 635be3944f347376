"""The list of runtimes."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from controlplane.console import queries
from controlplane.console.filters import Filters
from controlplane.console.pages import fragment, page, show, show_live
from controlplane.console.presenters import runtime_rows
from controlplane.console.presenters.badges import PHASES
from controlplane.console.visitor import ConsoleRequest

LIVE = "runtimes/_live.html"


@require_safe
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """All runtimes that this person sees, narrowed by what the address says."""
    filters = Filters.read(request.GET)
    context = _live_context(request, filters)
    html, _ = fragment(request, LIVE, context)
    accounts = list(queries.visible_accounts(request.visitor.actor))
    choices = {
        "account_rows": accounts,
        "phases": [(phase.value, badge.text) for phase, badge in PHASES.items()],  # type: ignore[attr-defined]
        "plans": queries.plan_choices(),
        "regions": queries.regions_in_use(request.visitor.actor),
        "accounts": sorted({row.slug for row in accounts}),
    }
    return show(request, "runtimes/index.html", {**context, **choices, "live_html": html})


@require_safe
@page
def live(request: ConsoleRequest) -> HttpResponse:
    """The list and the summary alone, when they changed."""
    return show_live(request, LIVE, _live_context(request, Filters.read(request.GET)))


def _live_context(request: ConsoleRequest, filters: Filters) -> dict[str, Any]:
    actor = request.visitor.actor
    found = queries.runtime_page(actor, filters)
    shares = runtime_rows.summary(queries.count_by_phase(actor))
    return {
        "filters": filters,
        "rows": runtime_rows.rows(list(found.rows), queries.open_operations([row.id for row in found.rows])),
        "shares": shares,
        "spoken": runtime_rows.in_a_sentence(shares),
        "total": sum(share.number for share in shares),
        "picture_width": runtime_rows.PICTURE_WIDTH,
        "newer": filters.query(before=found.newer, after=None) if found.newer else "",
        "older": filters.query(after=found.older, before=None) if found.older else "",
        "here": filters.query(),
        "everything": actor.sees_every_tenant,
        "page_size": queries.PAGE_SIZE,
    }
