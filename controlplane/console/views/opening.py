"""Support says which tenant it looks into, and why; for half an hour it sees that one."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from controlplane.console.fields.problems import Problem, place
from controlplane.console.fields.read import clean
from controlplane.console.fields.tree import Field
from controlplane.console.pages import page, show
from controlplane.console.views.session import safe_next
from controlplane.console.visitor import ConsoleRequest, forget_opening, remember_opening
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import PlatformRole
from controlplane.tenants.opening import open_tenant


@require_http_methods(["GET", "POST"])
@page
def form(request: ConsoleRequest) -> HttpResponse:
    """Ask for tenant and reason."""
    actor = request.visitor.actor
    if actor.platform_role != PlatformRole.SUPPORT:
        raise Refused("forbidden", "Only the platform's support opens tenants; you need not.", status=403)
    slug, reason = (clean(request.POST.get(name, "")).strip() for name in ("tenant", "reason"))
    fields = [
        Field("text", "tenant", "Tenant", "Its slug, for example archipel.", value=slug, required=True),
        Field("text", "reason", "Why", "A ticket or a call. The tenant's people can read it.", value=reason, required=True),
    ]  # fmt: skip
    problems: list[Problem] = []
    target = safe_next(request)
    if request.method == "POST":
        try:
            tenant, _ = open_tenant(actor=actor, slug=slug, reason=reason)
        except Refused as refusal:
            problems = place(refusal, fields)
        else:
            remember_opening(request, tenant, reason)
            return redirect(target)
    context = {"fields": fields, "problems": problems, "next": target}
    return show(request, "open_tenant.html", context, status=422 if problems else 200)


@require_POST
@page
def close(request: ConsoleRequest) -> HttpResponse:
    """Look no longer."""
    forget_opening(request)
    return redirect("console:runtimes")
