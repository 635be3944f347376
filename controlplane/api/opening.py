"""How a token of support reads: one tenant per request, and it says why, in a header each."""

from __future__ import annotations

from rest_framework.request import Request

from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor
from controlplane.tenants.opening import open_tenant

REASON, TENANT = "X-Nesoi-Reason", "X-Nesoi-Tenant"


def opened(request: Request, actor: Actor) -> Actor:
    """Return the actor bounded to the tenant that the headers name; the reason stands in that tenant's audit trail.

    Raises Refused: reason_required 403, reason_invalid, tenant_not_found 404.
    """
    reason, slug = request.headers.get(REASON, ""), request.headers.get(TENANT, "")
    if not reason or not slug:
        detail = (
            f"A token of support reads one tenant and says why: send {TENANT} with its slug, and {REASON}."
        )
        raise Refused("reason_required", detail, status=403)
    _, bounded = open_tenant(actor=actor, slug=slug, reason=reason)
    return bounded
