"""What a trial's tenant may order: what it was granted and nothing else, until it takes a paid plan.

Written in the platform's scope: a tenant's own neither grants nor lifts a bound.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings

from controlplane.catalog.models import Entitlement
from controlplane.catalog.quota_models import OTHERS
from controlplane.tenants.isolation.scopes import platform_scope
from controlplane.tenants.models import Tenant

GRANTED_BY = "system: trials"


def confine(tenant: Tenant) -> None:
    """Let a tenant order nothing yet, and nothing ever of a plan that it was not granted by name, present or to come."""
    with platform_scope():
        Tenant.objects.filter(pk=tenant.pk).update(runtime_quota=0)
        _grant(tenant, {OTHERS: 0})


def give_a_place(tenant: Tenant) -> None:
    """Let the tenant have its one runtime of the trial plan."""
    with platform_scope():
        Tenant.objects.filter(pk=tenant.pk).update(runtime_quota=1)
        _grant(tenant, {OTHERS: 0, settings.TRIAL_PLAN: 1})


def take_the_place(tenant: Tenant) -> None:
    """Let the tenant order nothing any more; one that was granted more meanwhile keeps it."""
    with platform_scope():
        Tenant.objects.filter(pk=tenant.pk, runtime_quota__lte=1).update(runtime_quota=0)
        _take_back(tenant, [settings.TRIAL_PLAN])


def set_free(tenant: Tenant) -> None:
    """Lift the bounds of a tenant that takes a paid plan; what people granted it stays."""
    with platform_scope():
        Tenant.objects.filter(pk=tenant.pk, runtime_quota__lte=1).update(
            runtime_quota=settings.TRIAL_CONVERTED_RUNTIMES
        )
        Entitlement.objects.filter(tenant=tenant, granted_by=GRANTED_BY).delete()


def was_granted_more(tenant: Tenant) -> bool:
    """Whether people granted the tenant something: then it is more than a trial's."""
    by_people = Entitlement.objects.filter(tenant=tenant).exclude(granted_by=GRANTED_BY)
    return tenant.runtime_quota > 1 or by_people.exists()


def _grant(tenant: Tenant, runtimes: dict[str, int]) -> None:
    """Write these numbers by plan; what people granted by name stays."""
    rows = [
        Entitlement(tenant=tenant, plan=plan, runtimes=number, granted_by=GRANTED_BY)
        for plan, number in runtimes.items()
    ]
    Entitlement.objects.bulk_create(rows, ignore_conflicts=True)


def _take_back(tenant: Tenant, plans: Iterable[str]) -> None:
    Entitlement.objects.filter(tenant=tenant, plan__in=plans, granted_by=GRANTED_BY).delete()
