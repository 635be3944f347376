"""What of the provisioner still lives in a tenant: tenancy asks before it closes one."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from provisioner.runtimes.models import Runtime


def living_runtimes(tenant_id: UUID) -> Sequence[str]:
    """Return how many runtimes are not deprovisioned, in words, or nothing (rides on runtime_pages_of_tenant)."""
    number = Runtime.objects.filter(tenant=tenant_id, deleted_at__isnull=True).count()
    return [f"{number} runtime{'' if number == 1 else 's'}"] if number else []
