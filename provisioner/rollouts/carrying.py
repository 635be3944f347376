"""An account that moves takes its runtimes' own windows and exclusions along."""

from __future__ import annotations

from controlplane.tenants.models import Account, Tenant
from provisioner.rollouts.models import Exclusion, MaintenanceWindow


def carry(account: Account, _source: Tenant, target: Tenant) -> None:
    """Let these rows follow; inside the move's transaction."""
    for model in (MaintenanceWindow, Exclusion):
        model.objects.filter(runtime__account=account).update(tenant=target)
