"""What tenants' last sealed statements came to: the money that stands behind the runtimes of a rollout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from billing.statements.models import State, Statement
from provisioner.rollouts.ports import Revenue


def last_statements(tenant_ids: Sequence[UUID]) -> Mapping[UUID, Revenue]:
    """Return the newest sealed statement's total by tenant; who has none is left out. Rides on statements_one_a_month."""
    newest = (
        Statement.objects.filter(tenant__in=list(tenant_ids), state=State.SEALED)
        .order_by("tenant", "-month")
        .distinct("tenant")
        .values_list("tenant_id", "total", "currency")
    )
    return {tenant: Revenue(total, currency) for tenant, total, currency in newest}
