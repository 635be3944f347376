"""Skip the step that an operation stands at: for the platform's team, with a reason that is kept."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from controlplane.console import queries
from controlplane.console.fields.problems import place
from controlplane.console.fields.read import clean
from controlplane.console.fields.tree import Field
from controlplane.console.pages import page, show
from controlplane.console.visitor import ConsoleRequest, require
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission
from provisioner.operations.services import skip_step
from provisioner.operations.skipping import refuse_unskippable
from provisioner.operations.timeline import step_title

LONGEST_REASON = 300


@require_http_methods(["GET", "POST"])
@page
def form(request: ConsoleRequest, operation_id: UUID) -> HttpResponse:
    """Say what skipping means, ask why, then skip the step that was shown."""
    row = queries.the_operation(request.visitor.actor, operation_id)
    require(request.visitor, Permission.SKIP, row.tenant)
    if request.method == "GET":
        refuse_unskippable(row)
    step = request.POST.get("shown", row.step)
    reason = clean(request.POST.get("reason", ""))[:LONGEST_REASON]
    about = "Kept in the history and in the audit trail."
    field = Field("text", "reason", "Why it may be skipped", about, value=reason, required=True)
    problems = []
    if request.method == "POST":
        try:
            skip_step(actor=request.visitor.actor, operation_id=operation_id, reason=reason, step=step)
        except Refused as refusal:
            if refusal.code != "reason_missing":
                raise
            problems = place(refusal, [field])
        else:
            messages.success(request, f"Skipped: {step_title(row.kind, step)}.")
            return redirect("console:operation", operation_id=operation_id)
    context = {
        "operation": row,
        "runtime": row.runtime,
        "step": step,
        "title": step_title(row.kind, step),
        "field": field,
        "problems": problems,
    }
    return show(request, "operation/skip.html", context, status=422 if problems else 200)
