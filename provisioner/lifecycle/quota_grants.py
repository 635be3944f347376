"""Grant a tenant quota without being asked: raise it, or lower it, even below what is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.db import transaction

from controlplane.catalog import entitlements
from controlplane.catalog.models import Entitlement
from controlplane.catalog.quota import DIMENSIONS
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.models import Tenant
from provisioner.lifecycle.admission import require

LONGEST_REASON = 1000


@transaction.atomic
def grant_quota(
    *,
    actor: Actor,
    tenant: Tenant,
    plan: str,
    bounds: Mapping[str, Decimal | int | None],
    regions: Sequence[str] | None,
    reason: str,
) -> Entitlement:
    """Set these bounds of a plan (the empty one: of all together); None lifts one, what is not named stays.

    No region means every region; None leaves them. What runs beyond a lowered bound goes on, and nothing grows until it fits.
    Raises Refused: forbidden 403, tenant_closed 409, plan_unknown, region_unknown, nothing_granted, quota_invalid,
    reason_missing.
    """
    require(actor, Permission.QUOTA_ANSWER, tenant_id=tenant.id)
    held = Tenant.objects.select_for_update(no_key=True).get(
        pk=tenant.pk
    )  # two admins at once: one after the other
    if held.closed_at:
        raise Refused("tenant_closed", f"{held.name} is closed for good.", status=409)
    entitlements.known_plan(plan)
    _check(bounds, reason)
    if regions:
        entitlements.known_regions(plan, regions)
    if not bounds and regions is None:
        raise Refused("nothing_granted", "Name a bound or regions to change.")
    before = entitlements.bounds_of(held, plan)
    changed: dict[str, Any] = dict(bounds)
    after = replace(before, **changed)
    if regions is not None:
        after = replace(after, regions=tuple(sorted(set(regions))))
    return entitlements.grant(
        actor=actor, tenant=held, plan=plan, bounds=after, reason=" ".join(reason.split())[:LONGEST_REASON]
    )


def _check(bounds: Mapping[str, Decimal | int | None], reason: str) -> None:
    for name, value in bounds.items():
        if name not in DIMENSIONS or (value is not None and not 0 <= value <= entitlements.MOST):
            detail = f"{name} must be a number from 0 to {entitlements.MOST}, or nothing for no bound."
            raise Refused("quota_invalid", detail, field=name)
    if not reason.strip():
        raise Refused("reason_missing", "Say in a sentence why: the audit trail keeps it.", field="reason")
