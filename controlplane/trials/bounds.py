"""What a trial's tenant may order: its one trial runtime and nothing else, until it takes a paid plan."""

from __future__ import annotations

from django.conf import settings

from controlplane.catalog.facts import snapshot
from controlplane.catalog.models import Entitlement
from controlplane.tenants.models import Tenant

GRANTED_BY = "system: trials"


def confine(tenant: Tenant) -> None:
    """Let a new tenant order nothing yet, and of other plans than the trial's nothing ever."""
    Tenant.objects.filter(pk=tenant.pk).update(runtime_quota=0)
    others = [key for key in snapshot().plans if key != settings.TRIAL_PLAN]
    rows = [Entitlement(tenant=tenant, plan=key, runtimes=0, granted_by=GRANTED_BY) for key in others]
    Entitlement.objects.bulk_create(rows, ignore_conflicts=True)


def give_a_place(tenant: Tenant) -> None:
    """Let the tenant have its one runtime."""
    Tenant.objects.filter(pk=tenant.pk).update(runtime_quota=1)


def take_the_place(tenant: Tenant) -> None:
    """Let the tenant order nothing any more; one that was granted more meanwhile keeps it."""
    Tenant.objects.filter(pk=tenant.pk, runtime_quota__lte=1).update(runtime_quota=0)


def set_free(tenant: Tenant) -> None:
    """Lift the bounds of a tenant that takes a paid plan; what people granted it stays."""
    Tenant.objects.filter(pk=tenant.pk, runtime_quota__lte=1).update(
        runtime_quota=settings.TRIAL_CONVERTED_RUNTIMES
    )
    Entitlement.objects.filter(tenant=tenant, granted_by=GRANTED_BY).delete()
