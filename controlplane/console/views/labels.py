"""A runtime's labels."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, QueryDict
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
from provisioner.runtimes.models import Runtime

STALE = "stale_revision"
HELP = "One a line, as key=value, for example stage=production. Labels only describe: nothing is rebuilt."


def labels_field(text: str) -> Field:
    """The field for labels, here and in the request form."""
    return Field("pairs", "labels", "Labels", HELP, value=text, spread=True)


@require_http_methods(["GET", "POST"])
@page
def form(request: ConsoleRequest, runtime_id: UUID) -> HttpResponse:
    """Edit them all at once; nothing is saved over what somebody else wrote while the form was open."""
    row = queries.the_runtime(request.visitor.actor, runtime_id)
    require(request.visitor, Permission.UPDATE, row.tenant)
    text = clean(request.POST.get("labels", "")) if request.method == "POST" else pairs_text(row.labels)
    field = labels_field(text)
    known, problems, status = row.revision, [], 200
    if request.method == "POST":
        known = _known(request.POST)
        try:
            update_runtime(
                actor=request.visitor.actor,
                runtime_id=runtime_id,
                labels=read_pairs(request.POST, "labels"),
                expected_revision=known,
            )
        except Refused as refusal:
            status = 422
            if refusal.code == STALE:
                row = queries.the_runtime(request.visitor.actor, runtime_id)
                known, status, refusal = row.revision, 412, _changed_meanwhile(row)
            problems = place(refusal, [field])
        else:
            messages.success(request, "Labels saved.")
            return redirect("console:runtime", runtime_id=runtime_id)
    context = {"runtime": row, "field": field, "problems": problems, "revision": known}
    return show(request, "runtime/labels.html", context, status=status)


def _known(post: QueryDict) -> int:
    typed = post.get("revision", "")
    return int(typed) if typed.isdecimal() and len(typed) < 19 else 0  # noqa: PLR2004 - a bigint's digits; 0 is nobody's


def _changed_meanwhile(row: Runtime) -> Refused:
    now = pairs_text(row.labels).strip().replace("\n", ", ") or "none"
    detail = (
        f"Somebody changed {row.name} meanwhile, so your labels are not saved. Its labels now: {now}. "
        "Save again to replace them with yours, below."
    )
    return Refused(STALE, detail, field="labels", status=412)
