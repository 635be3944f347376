"""What a runtime can be upgraded to, upgrading it now, and keeping it where it is."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from controlplane.console import queries
from controlplane.console.pages import page, show
from controlplane.console.visitor import ConsoleRequest, require
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission
from provisioner.lifecycle.pin import pin_runtime, unpin_runtime
from provisioner.lifecycle.upgrade import upgrade_runtime
from provisioner.lifecycle.upgrade_reading import standing_of
from provisioner.runtimes.models import Runtime


@require_http_methods(["GET", "POST"])
@page
def form(request: ConsoleRequest, runtime_id: UUID) -> HttpResponse:
    """Show every newer release with the way there, or why not; carry out what was pressed."""
    row = queries.the_runtime(request.visitor.actor, runtime_id)
    require(request.visitor, Permission.UPGRADE, row.tenant)
    problem = ""
    if request.method == "POST":
        try:
            messages.success(request, _carry_out(request, row))
        except Refused as refusal:
            problem = refusal.detail
        else:
            return redirect("console:runtime", runtime_id=runtime_id)
    context = {"runtime": row, "problem": problem, "releases": standing_of(row)}
    return show(request, "runtime/upgrade.html", context, status=422 if problem else 200)


def _carry_out(request: ConsoleRequest, row: Runtime) -> str:
    """Do what the pressed button says and return what to tell; raises Refused."""
    actor = request.visitor.actor
    match request.POST.get("do"):
        case "pin":
            pin_runtime(actor=actor, runtime_id=row.id)
            return f"{row.name} stays on its release until that ends."
        case "unpin":
            unpin_runtime(actor=actor, runtime_id=row.id)
            return f"{row.name} follows its channel again."
        case "upgrade":
            operation = upgrade_runtime(
                actor=actor, runtime_id=row.id, release=request.POST.get("release", "")
            )
            return f"{row.name} is being upgraded to {operation.input['release']}."
        case _:
            raise Refused("action_unknown", "Press one of the buttons of this page.")
