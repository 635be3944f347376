"""A runtime's kubeconfig, minted for whoever asks."""

from __future__ import annotations

import re
from datetime import timedelta
from http import HTTPStatus
from uuid import UUID

from django.http import HttpResponse
from django.views.decorators.http import require_http_methods

from controlplane.console import queries
from controlplane.console.pages import page, show
from controlplane.console.visitor import ConsoleRequest, require
from controlplane.kernel.clock import rfc3339, utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission
from provisioner.drivers.base import Role
from provisioner.lifecycle.kubeconfig import longest_of, mint_kubeconfig, reachable
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Phase

LIFETIMES = {
    "900": "15 min",
    "3600": "1 hour",
    "28800": "8 hours",
    "86400": "24 hours",
}
ENDING = frozenset({Phase.DEPROVISIONING, Phase.DEPROVISIONED})
ROLES = {
    Role.ADMIN.value: ("Admin", "May do everything in the cluster."),
    Role.EDIT.value: ("Edit", "May do everything but change who may do what."),
    Role.VIEW.value: ("View", "Reads everything except secrets, and changes nothing."),
}


@require_http_methods(["GET", "POST"])
@page
def form(request: ConsoleRequest, runtime_id: UUID) -> HttpResponse:
    """Choose lifetime and role; a POST answers with the file."""
    row = queries.the_runtime(request.visitor.actor, runtime_id)
    require(request.visitor, Permission.KUBECONFIG_VIEW, row.tenant)
    may_change = request.visitor.may(Permission.KUBECONFIG, row.tenant)
    offered = ROLES if may_change else {Role.VIEW.value: ROLES[Role.VIEW.value]}
    longest = longest_of(row.plan_id).total_seconds()
    lifetime = request.POST.get("lifetime", "3600")
    role = request.POST.get("role", next(iter(offered)))
    problem = ""
    if request.method == "POST":
        try:
            return _file(request, runtime_id, row.name, lifetime, role)
        except Refused as refusal:
            if refusal.status == HTTPStatus.FORBIDDEN:
                raise
            problem = refusal.detail
    now = utcnow()
    context = {
        "runtime": row,
        "ready": reachable(row),
        "locked": locked(row),
        "gone": row.phase in ENDING,
        "lifetimes": [
            (key, text, now + timedelta(seconds=int(key)), key == lifetime)
            for key, text in LIFETIMES.items()
            if int(key) <= longest
        ],
        "roles": [(key, title, text, key == role) for key, (title, text) in offered.items()],
        "problem": problem,
        "file_name": file_name(row.name),
    }
    return show(request, "runtime/kubeconfig.html", context, status=422 if problem else 200)


def _file(request: ConsoleRequest, runtime_id: UUID, name: str, lifetime: str, role: str) -> HttpResponse:
    if lifetime not in LIFETIMES or role not in ROLES:
        raise Refused("choice_unknown", "Choose one of the lifetimes and roles below.")
    kubeconfig = mint_kubeconfig(
        actor=request.visitor.actor,
        runtime_id=runtime_id,
        ttl=timedelta(seconds=int(lifetime)),
        role=Role(role),
    )
    response = HttpResponse(kubeconfig.yaml, content_type="application/yaml")
    response["Content-Disposition"] = f'attachment; filename="{file_name(name)}"'
    response["Cache-Control"] = "no-store"
    response["X-Expires-At"] = rfc3339(kubeconfig.expires_at) or ""
    return response


def locked(row: Runtime) -> tuple[str, str]:
    """Say why a runtime that can't be entered can't be, and what its own page has to tell of that."""
    if row.phase in ENDING:
        gone = "removed" if row.phase == Phase.DEPROVISIONED else "being removed"
        return f"is {gone}; no kubeconfig opens it any more.", "Look at its record"
    if row.suspended_for or row.phase in {Phase.SUSPENDED, Phase.RESUMING}:
        return "is suspended. Its kubeconfig can be had as soon as it is resumed.", "Go to the runtime"
    if row.phase == Phase.FAILED:
        return "could not be built. Its kubeconfig can be had as soon as it is.", "See what went wrong"
    return f"is {row.phase}. Its kubeconfig can be had as soon as it is ready.", "Watch it being built"


def file_name(runtime_name: str) -> str:
    """The downloaded file's name."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", runtime_name) + ".yaml"
