"""Whose rows a page is about: the visitor's own tenant, or the one that somebody of the platform's team names."""

from __future__ import annotations

from django.http import HttpResponse

from controlplane.console.pages import show
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.errors import Refused
from controlplane.tenants.models import Tenant


def subject_of(request: ConsoleRequest) -> Tenant | None:
    """Return the tenant, or None when the platform's team has yet to name one; raises Refused tenant_not_found 404."""
    if request.visitor.tenant is not None:
        return request.visitor.tenant
    slug = request.GET.get("tenant", "").replace("\0", "").strip()
    if not slug:
        return None
    found = Tenant.objects.filter(slug=slug).first()
    if found is None:
        raise Refused("tenant_not_found", f"There is no tenant “{slug[:40]}”; write its slug.", status=404)
    return found


def ask_which(request: ConsoleRequest, title: str) -> HttpResponse:
    """Ask the platform's team for a tenant."""
    return show(request, "pick_tenant.html", {"title": title})
