"""Delete a runtime: the name typed is the safety catch."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from controlplane.console import queries
from controlplane.console.fields.problems import place
from controlplane.console.fields.tree import Field
from controlplane.console.pages import page, show
from controlplane.console.visitor import ConsoleRequest, require
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission
from provisioner.lifecycle.delete import delete_runtime
from provisioner.runtimes.models import Runtime


@require_http_methods(["GET", "POST"])
@page
def form(request: ConsoleRequest, runtime_id: UUID) -> HttpResponse:
    """Say what will be gone, then take it away."""
    row = queries.the_runtime(request.visitor.actor, runtime_id)
    require(request.visitor, Permission.DELETE, row.tenant)
    typed = request.POST.get("confirm", "").strip()
    field = Field(
        "text", "confirm", "Name of the runtime", f"Type {row.name} to confirm.", value=typed, required=True
    )
    problems = []
    if request.method == "POST":
        try:
            _delete(request, row, typed)
        except Refused as refusal:
            problems = place(refusal, [field])
        else:
            messages.success(request, f"{row.name} is being removed.")
            return redirect("console:runtime", runtime_id=runtime_id)
    context = {"runtime": row, "field": field, "problems": problems}
    return show(request, "runtime/delete.html", context, status=422 if problems else 200)


def _delete(request: ConsoleRequest, row: Runtime, typed: str) -> None:
    if typed != row.name:
        raise Refused("confirmation_wrong", f"confirm must be exactly {row.name}.", field="confirm")
    delete_runtime(actor=request.visitor.actor, runtime_id=row.id)
