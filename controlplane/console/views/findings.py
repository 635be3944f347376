"""A look for findings that does not wait for its turn."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from controlplane.console import queries
from controlplane.console.pages import page
from controlplane.console.visitor import ConsoleRequest
from provisioner.findings.waiving import look_again


@require_POST
@page
def look(request: ConsoleRequest, runtime_id: UUID) -> HttpResponse:
    """Ask for it, and go back to the runtime."""
    row = queries.the_runtime(request.visitor.actor, runtime_id)
    look_again(actor=request.visitor.actor, runtime_id=row.pk)
    messages.success(request, f"{row.name} is looked at within seconds.")
    return redirect("console:runtime", row.pk)
