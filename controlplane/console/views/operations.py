"""The page of one operation, and what a person may do to it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from controlplane.console import queries
from controlplane.console.pages import fragment, page, show, show_live
from controlplane.console.views.live_runtime import operation_context
from controlplane.console.visitor import ConsoleRequest, require
from controlplane.tenants.access import Permission
from provisioner.operations import services

LIVE = "operation/_live.html"
CONTROLS = {
    "pause": (services.pause_operation, "Paused. Nothing more is done until somebody resumes it."),
    "resume": (services.resume_operation, "Resumed."),
    "retry": (services.retry_operation, "Tried again from the step that failed."),
}


@require_safe
@page
def detail(request: ConsoleRequest, operation_id: UUID) -> HttpResponse:
    """Its steps with every attempt."""
    row = queries.the_operation(request.visitor.actor, operation_id)
    context = operation_context(request.visitor, row)
    html, _ = fragment(request, LIVE, context)
    return show(request, "operation/detail.html", {**context, "runtime": row.runtime, "live_html": html})


@require_safe
@page
def live(request: ConsoleRequest, operation_id: UUID) -> HttpResponse:
    """What moves on that page, when it moved."""
    row = queries.the_operation(request.visitor.actor, operation_id)
    return show_live(request, LIVE, operation_context(request.visitor, row))


@require_POST
@page
def control(request: ConsoleRequest, operation_id: UUID, verb: str) -> HttpResponse:
    """Pause, resume or retry it."""
    if verb not in CONTROLS:
        raise Http404
    row = queries.the_operation(request.visitor.actor, operation_id)
    require(request.visitor, Permission.OPERATE, row.tenant)
    service, done = CONTROLS[verb]
    service(actor=request.visitor.actor, operation_id=operation_id)
    messages.success(request, done)
    return redirect("console:operation", operation_id=operation_id)


@require_http_methods(["GET", "POST"])
@page
def cancel(request: ConsoleRequest, operation_id: UUID) -> HttpResponse:
    """Ask whether to cancel it, then do."""
    row = queries.the_operation(request.visitor.actor, operation_id)
    require(request.visitor, Permission.OPERATE, row.tenant)
    if request.method == "GET":
        return show(request, "operation/cancel.html", {"operation": row, "runtime": row.runtime})
    reason = request.POST.get("reason", "").replace("\0", "").strip()[:300]
    services.cancel_operation(actor=request.visitor.actor, operation_id=operation_id, reason=reason)
    messages.success(request, "Cancelled: the operation stops at the next safe point.")
    return redirect("console:operation", operation_id=operation_id)
