"""How the usage store's tables are kept from tenants: who reads a bill must not be able to write what it is made of."""

from __future__ import annotations

from controlplane.tenants.isolation.policies import ProtectTenantRows


class HideFromTenants(ProtectTenantRows):
    """Rows of the platform: no tenant's scope shows any of them."""

    def condition(self) -> str:
        """Return what is never so."""
        return "false"
