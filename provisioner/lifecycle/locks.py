"""The one order in which doors lock rows: whoever keeps it never waits for somebody who waits for them.

A runtime comes first, for whatever is written to it counts in its tenant's usage by a trigger, and its operations are locked
under it. Then usage, as a new runtime counts before it is there; then the tenant and the account, which hold still while it is
decided; then how they stand. Rows of one kind go by their key.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from controlplane.catalog.models import Usage
from controlplane.tenants.models import Account, Tenant
from provisioner.runtimes.models import Runtime

ORDER = ("runtimes_runtime", "catalog_usage", "tenants_tenant", "tenants_account", "lifecycle_standing")


def lock_runtime(runtime_id: UUID) -> tuple[UUID, UUID] | None:
    """Lock a runtime until commit and return the ids of its tenant and account; None where there is none."""
    rows = Runtime.objects.select_for_update(no_key=True).filter(pk=runtime_id)
    found: tuple[UUID, UUID] | None = rows.values_list("tenant_id", "account_id").first()
    return found


def lock_runtimes_of(account: Account) -> set[UUID]:
    """Lock what the account has until commit, and return the ids."""
    rows = Runtime.objects.select_for_update(no_key=True).filter(account=account, deleted_at__isnull=True)
    return set(rows.order_by("pk").values_list("pk", flat=True))


def lock_usage_of(tenant_ids: Iterable[UUID]) -> None:
    """Lock what is kept of these tenants' usage until commit: nobody begins or removes a runtime there meanwhile."""
    rows = Usage.objects.select_for_update(no_key=True).filter(tenant__in=list(tenant_ids))
    list(rows.order_by("tenant", "plan").values_list("pk", flat=True))


def lock_tenants(tenant_ids: Iterable[UUID]) -> dict[str, Tenant]:
    """Lock tenants until commit and return them by slug."""
    rows = Tenant.objects.select_for_update(no_key=True).filter(pk__in=list(tenant_ids)).order_by("pk")
    return {tenant.slug: tenant for tenant in rows}
