"""What becomes of service instances when their account moves to another tenant."""

from __future__ import annotations

from controlplane.kernel.errors import Refused
from controlplane.osb.models import OsbBinding, OsbInstance
from controlplane.tenants.models import Account, Tenant


def carry_instances(account: Account, source: Tenant, target: Tenant) -> None:
    """Let instances of the platform's own credentials go along; raises Refused 409 for those of a credential of the old tenant.

    That one may not reach into the new tenant, and without it nobody could ever delete them through their platform.
    """
    rows = OsbInstance.objects.filter(runtime__account=account)
    left = rows.filter(credential__tenant__isnull=False, runtime__deleted_at__isnull=True).count()
    if left:
        detail = (
            f"{left} runtimes of the account were ordered through the service broker with a credential of {source.name}; "
            "delete them there first."
        )
        raise Refused("broker_instances_present", detail, status=409)
    rows = rows.filter(credential__tenant__isnull=True)
    OsbBinding.objects.filter(instance__in=rows).update(tenant=target)
    rows.update(tenant=target)
