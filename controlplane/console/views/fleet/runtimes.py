"""Every runtime, found by anything that is known of it."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from controlplane.catalog.facts import snapshot
from controlplane.console import fleet_queries
from controlplane.console.fleet_queries import FleetFilters
from controlplane.console.pages import page
from controlplane.console.presenters import runtime_rows
from controlplane.console.presenters.badges import PHASES
from controlplane.console.presenters.fleet import HEALTH
from controlplane.console.queries import open_operations, plan_choices
from controlplane.console.views.fleet.frame import show_fleet
from controlplane.console.visitor import ConsoleRequest


@require_safe
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """One page of those that fit, newest first."""
    filters = FleetFilters.read(request.GET)
    found = fleet_queries.fleet_page(request.visitor.actor, filters)
    releases = sorted(snapshot().every_release)
    context: dict[str, Any] = {
        "filters": filters,
        "rows": runtime_rows.rows(list(found.rows), open_operations([row.pk for row in found.rows])),
        "phases": [(str(phase), badge.text) for phase, badge in PHASES.items()],
        "healths": [(key, badge.text) for key, badge in HEALTH.items() if key],
        "plans": plan_choices(),
        "releases": releases,
        "landscapes": sorted(fleet_queries.landscape_keys().values()),
        "list_url": reverse("console:fleet-runtimes"),
        "newer": filters.query(before=found.newer, after=None) if found.newer else "",
        "older": filters.query(after=found.older, before=None) if found.older else "",
    }
    return show_fleet(request, "runtimes.html", context)
