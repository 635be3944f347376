"""Suspend and resume a runtime: what that means is said before it is done."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from controlplane.catalog.facts import load_plan_facts
from controlplane.console import queries
from controlplane.console.pages import page, show
from controlplane.console.visitor import ConsoleRequest, require
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission
from provisioner.lifecycle.resume import resume_runtime
from provisioner.lifecycle.suspend import suspend_runtime
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime


@require_http_methods(["GET", "POST"])
@page
def suspend(request: ConsoleRequest, runtime_id: UUID) -> HttpResponse:
    """Let it rest."""
    return _carry_out(request, runtime_id, suspend_runtime, "suspend", "is being suspended")


@require_http_methods(["GET", "POST"])
@page
def resume(request: ConsoleRequest, runtime_id: UUID) -> HttpResponse:
    """Wake it."""
    return _carry_out(request, runtime_id, resume_runtime, "resume", "is being resumed")


def _carry_out(
    request: ConsoleRequest, runtime_id: UUID, door: Callable[..., Operation], verb: str, said: str
) -> HttpResponse:
    row = queries.the_runtime(request.visitor.actor, runtime_id)
    require(request.visitor, Permission.SUSPEND, row.tenant)
    problem = ""
    if request.method == "POST":
        try:
            door(actor=request.visitor.actor, runtime_id=row.id)
        except Refused as refusal:
            problem = refusal.detail
        else:
            messages.success(request, f"{row.name} {said}.")
            return redirect("console:runtime", runtime_id=runtime_id)
    context = {"runtime": row, "problem": problem, "destroys": _destroys(row)}
    return show(request, f"runtime/{verb}.html", context, status=422 if problem else 200)


def _destroys(row: Runtime) -> bool:
    """Whether the cluster's contents are lost by it."""
    gone = row.cluster_spec.get("destroyed") or not row.was_ready
    return bool(gone) or load_plan_facts(row.plan_id).suspension == "destroy"
