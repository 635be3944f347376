"""Why no runtime can be requested in a tenant at the moment, and whom to ask."""

from __future__ import annotations

from collections.abc import Iterable

from controlplane.tenants.models import Account, State, Tenant
from provisioner.lifecycle.models import Standing, Why
from provisioner.lifecycle.tenants import open_standing


def why_none(tenant: Tenant, accounts: Iterable[Account] | None = None) -> str:
    """Return the sentences, or an empty text where a runtime can be requested; `accounts` are the tenant's, when known."""
    if tenant.state == State.SUSPENDED:
        return _of_tenant(tenant, open_standing(tenant))
    rows = Account.objects.of(tenant) if accounts is None else accounts
    states = {row.state for row in rows}
    if State.ACTIVE in states:
        return ""
    if not states:
        return (
            f"A runtime belongs to an account, and {tenant.name} has none. "
            "An admin of the tenant opens the first one, under Accounts."
        )
    return (
        f"Every account of {tenant.name} is suspended, so nothing new begins. An admin of the tenant resumes those that "
        "its own people suspended, under Accounts; for the others contact support."
    )


def _of_tenant(tenant: Tenant, standing: Standing | None) -> str:
    if standing is not None and not standing.reason:
        return f"{tenant.name} is about to be deleted, so nothing new begins. An owner of it can undo the deletion."
    because = f" because of {Why(standing.reason).label}" if standing is not None else ""
    return f"{tenant.name} is suspended{because}, so nothing new begins. Contact support to resume it."
