"""The page of one runtime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from controlplane.catalog.facts import load_plan_facts
from controlplane.catalog.schema import plan_schema
from controlplane.console import queries
from controlplane.console.pages import fragment, page, show, show_live
from controlplane.console.presenters.parameters import lines
from controlplane.console.views.live_runtime import runtime_context
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.ids import parse_uuid
from controlplane.tenants.access import Permission
from provisioner.lifecycle.kubeconfig import reachable
from provisioner.lifecycle.resume import resumable
from provisioner.lifecycle.upgrade_reading import standing_of
from provisioner.rollouts.why_not import Chain, why_not
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind, Phase

LIVE = "runtime/_live.html"
ENDING = frozenset({Phase.DEPROVISIONING, Phase.DEPROVISIONED})
YET_TO_COME = frozenset({"planned", "waiting", "blocked", "ready"})


@require_safe
@page
def detail(request: ConsoleRequest, runtime_id: UUID) -> HttpResponse:
    """Status, timeline, conditions, parameters, history."""
    row = queries.the_runtime(request.visitor.actor, runtime_id)
    context = runtime_context(request.visitor, row)
    html, _ = fragment(request, LIVE, context)
    parameters = lines(plan_schema(load_plan_facts(row.plan_id)), row.spec.get("parameters", {}))
    offered = _offered(request, row, context)
    planned = _planned(request, row) if offered["stays"] else None
    more = {"planned": planned, "parameters": parameters, "live_html": html}
    return show(request, "runtime/detail.html", {**context, **offered, **more})


def _offered(request: ConsoleRequest, row: Runtime, context: Mapping[str, Any]) -> dict[str, Any]:
    """What its visitor may do to it as it stands now."""
    removal = context["removed_by"]
    stays = row.phase not in ENDING and not (removal and removal.slot)

    def may(permission: Permission) -> bool:
        return stays and request.visitor.may(permission, row.tenant)

    return {
        "stays": stays,
        "may_change": may(Permission.UPDATE),
        "may_delete": may(Permission.DELETE),
        "may_kubeconfig": may(Permission.KUBECONFIG_VIEW),
        "may_suspend": may(Permission.SUSPEND) and row.was_ready,
        "may_resume": may(Permission.SUSPEND) and resumable(row),
        "may_upgrade": may(Permission.UPGRADE),
        "releases": standing_of(row) if stays and row.was_ready else None,
        "reachable": reachable(row),
    }


@require_safe
@page
def operations(request: ConsoleRequest, runtime_id: UUID) -> HttpResponse:
    """Everything that was ever done to it, page by page."""
    row = queries.the_runtime(request.visitor.actor, runtime_id)
    edges = {name: parse_uuid(request.GET.get(name, "")) for name in ("after", "before")}
    found = queries.operation_page(row, **edges)
    context = {
        "runtime": row,
        "history": found.rows,
        "newer": f"before={found.newer}" if found.newer else "",
        "older": f"after={found.older}" if found.older else "",
    }
    return show(request, "runtime/operations.html", context)


@require_safe
@page
def live(request: ConsoleRequest, runtime_id: UUID) -> HttpResponse:
    """What moves on that page, when it moved."""
    # Before the row: what changes between the two is then drawn once more, not missed.
    stamp = queries.stamp_of(runtime_id)
    row = queries.the_runtime(request.visitor.actor, runtime_id)
    context: dict[str, Any] = {}

    def moving() -> dict[str, Any]:
        context.update(runtime_context(request.visitor, row))
        return context

    def beside() -> str:
        given = {**context, **_offered(request, row, context), "visitor": request.visitor, "swaps": True}
        return render_to_string("console/runtime/_beside.html", given, request)

    # Buttons stay as they are while nothing else is offered: one that is pressed just now must not go away under the finger.
    same = request.GET.get("shows") == row.phase
    return show_live(request, LIVE, moving, stamp=stamp, beside=str if same else beside)


def _planned(request: ConsoleRequest, row: Runtime) -> Chain | None:
    """The newest upgrade that a rollout has yet to bring, with the reason why it has not come; None without one."""
    found = why_not(actor=request.visitor.actor, runtime_id=row.pk)
    under_way = row.operations.filter(slot__isnull=False, kind=Kind.UPGRADE)
    if row.phase == Phase.UPGRADING or under_way.exists():  # its own people were sooner
        return None
    return next((one for one in found if one.state in YET_TO_COME and one.release != row.release_key), None)
