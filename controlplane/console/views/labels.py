"""A runtime's labels."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from controlplane.console import queries
from controlplane.console.fields.draw import pairs_text
from controlplane.console.fields.problems import place
from controlplane.console.fields.read import clean, read_pairs
from controlplane.console.fields.tree import Field
from controlplane.console.pages import page, show
from controlplane.console.visitor import ConsoleRequest, require
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission
from provisioner.lifecycle.update import update_runtime

HELP = "One a line, as key=value, for example stage=production. Labels only describe: nothing is rebuilt."


def labels_field(text: str) -> Field:
    """The field for labels, here and in the request form."""
    return Field("pairs", "labels", "Labels", HELP, value=text, spread=True)


@require_http_methods(["GET", "POST"])
@page
def form(request: ConsoleRequest, runtime_id: UUID) -> HttpResponse:
    """Edit them all at once."""
    row = queries.the_runtime(request.visitor.actor, runtime_id)
    require(request.visitor, Permission.UPDATE, row.tenant)
    text = clean(request.POST.get("labels", "")) if request.method == "POST" else pairs_text(row.labels)
    field = labels_field(text)
    problems = []
    if request.method == "POST":
        try:
            update_runtime(
                actor=request.visitor.actor,
                runtime_id=runtime_id,
                parameters=None,
                labels=read_pairs(request.POST, "labels"),
            )
        except Refused as refusal:
            problems = place(refusal, [field])
        else:
            messages.success(request, "Labels saved.")
            return redirect("console:runtime", runtime_id=runtime_id)
    context = {"runtime": row, "field": field, "problems": problems}
    return show(request, "runtime/labels.html", context, status=422 if problems else 200)
