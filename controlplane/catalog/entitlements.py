"""What tenants were granted, what they use, and the queue of those who ask for more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.contrib.postgres.functions import TransactionNow as Now
from django.db import IntegrityError, transaction

from controlplane.catalog.facts import load_plan_facts, snapshot
from controlplane.catalog.models import Entitlement, QuotaRequest, Usage
from controlplane.catalog.quota import DIMENSIONS, Bounds, Size, default_bounds
from controlplane.catalog.quota_models import OTHERS, RequestState
from controlplane.kernel.errors import Refused
from controlplane.kernel.sentences import choices
from controlplane.tenants import audit
from controlplane.tenants.access import Actor
from controlplane.tenants.models import Tenant

ONE_OPEN = "quota_request_one_open_per_plan"
MOST = 10**9  # what the columns hold


@dataclass(frozen=True)
class Line:
    """What a tenant has and may have of one plan; the empty plan stands for all of them."""

    plan: str
    used: Size
    bounds: Bounds

    @property
    def is_closed(self) -> bool:
        """Whether the tenant may have no runtime of it at all."""
        return self.bounds.runtimes == 0


def quota_of(tenant: Tenant) -> list[Line]:
    """Return all plans' line, then one per plan that can be ordered, is used or was granted; three statements."""
    granted = {row.plan: row for row in Entitlement.objects.filter(tenant=tenant)}
    used = {row.plan: row for row in Usage.objects.filter(tenant=tenant)}
    plans = snapshot().plans
    offered = [
        key for key, facts in plans.items() if facts.state == "active" or key in granted or key in used
    ]
    return [Line(plan, _size(used.get(plan)), _bounds(plan, granted, tenant)) for plan in ["", *offered]]


def bounds_of(tenant: Tenant, plan: str) -> Bounds:
    """Return what a tenant may have of a plan, or of all (the empty one)."""
    rows = Entitlement.objects.filter(tenant=tenant, plan__in=[plan, OTHERS])
    return _bounds(plan, {row.plan: row for row in rows}, tenant)


@transaction.atomic
def grant(*, actor: Actor, tenant: Tenant, plan: str, bounds: Bounds, reason: str = "") -> Entitlement:
    """Grant exactly this, whatever held before; what is there beyond it stays, and only growth is refused."""
    known_plan(plan)
    before = bounds_of(tenant, plan)
    given = {**{name: getattr(bounds, name) for name in DIMENSIONS}, "regions": list(bounds.regions)}
    row: Entitlement
    row, _ = Entitlement.objects.update_or_create(
        tenant=tenant, plan=plan, defaults={**given, "granted_by": actor.name[:160]}
    )
    audit.record(
        "quota.grant",
        actor=actor,
        tenant_id=tenant.id,
        target_type="quota",
        target_id=plan or "all",
        changes={
            **{name: {"before": before_of(before, name), "after": given[name]} for name in given},
            **({"reason": reason} if reason else {}),
        },
    )
    return row


def before_of(bounds: Bounds, name: str) -> Any:
    """Return one bound as JSON."""
    value = getattr(bounds, name)
    return list(value) if isinstance(value, tuple) else value


@transaction.atomic
def request_quota(
    *,
    actor: Actor,
    tenant: Tenant,
    plan: str,
    wanted: Mapping[str, Any],
    regions: Sequence[str],
    reason: str,
    reply_to: str = "",
) -> QuotaRequest:
    """Ask for more; `wanted` holds the bounds to raise. Raises Refused 422, or 409 while a request for the plan is open."""
    known_plan(plan)
    _check_wanted(bounds_of(tenant, plan), wanted, regions, plan)
    if not reason.strip():
        raise Refused("reason_missing", "Say in a sentence what it is for.", field="reason")
    asked = {name: wanted.get(name) for name in DIMENSIONS}
    try:
        with transaction.atomic():
            row: QuotaRequest = QuotaRequest.objects.create(
                tenant=tenant,
                plan=plan,
                regions=list(regions),
                reason=reason[:1000],
                requested_by=actor.name[:160],
                reply_to=reply_to,
                **asked,
            )
    except IntegrityError as error:
        if ONE_OPEN not in str(error):
            raise
        detail = "A request for this plan waits for its answer already; withdraw it first, or wait."
        raise Refused("quota_request_open", detail, field="plan", status=409) from error
    told = {name: value for name, value in asked.items() if value is not None}
    _record("quota.request", actor, row, {**told, "regions": list(regions), "reason": reason[:1000]})
    return row


@transaction.atomic
def answer(*, actor: Actor, request_id: UUID, state: RequestState, words: str) -> QuotaRequest:
    """Close an open request; an approved one is granted at once. Raises Refused 404, or 409 for one that was answered."""
    rows = QuotaRequest.objects.filter(pk=request_id)
    if not actor.sees_every_tenant:
        rows = rows.filter(tenant=actor.tenant_id)
    row: QuotaRequest | None = rows.select_related("tenant").first()
    if row is None:
        raise no_such_request(request_id)
    closed = rows.filter(state=RequestState.OPEN).update(
        state=state, answered_by=actor.name[:160], answer=words[:1000], answered_at=Now()
    )
    if closed != 1:
        row.refresh_from_db()
        detail = f"The request was answered already: it is {row.state}."
        raise Refused("quota_request_closed", detail, status=409)
    if state is RequestState.APPROVED:
        grant(actor=actor, tenant=row.tenant, plan=row.plan, bounds=_raised(row))
    _record(f"quota.request.{state.value}", actor, row, {"answer": words[:1000]})
    row.refresh_from_db()
    return row


def no_such_request(request_id: UUID) -> Refused:
    """Return the refusal for a request that is not there, or another tenant's."""
    return Refused("quota_request_not_found", f"There is no request {request_id}.", status=404)


def known_plan(plan: str) -> None:
    """Raise Refused plan_unknown for a plan that there is not; the empty one stands for all."""
    if plan:
        load_plan_facts(plan)


def known_regions(plan: str, regions: Sequence[str]) -> None:
    """Raise Refused region_unknown for a region that the plan (the empty one: no plan) does not have."""
    plans = snapshot().plans.values() if not plan else [load_plan_facts(plan)]
    known = sorted({region.name for facts in plans for region in facts.regions})
    for region in regions:
        if region not in known:
            raise Refused("region_unknown", choices(known, region), field="regions")


def _raised(row: QuotaRequest) -> Bounds:
    asked = {name: value for name in DIMENSIONS if (value := getattr(row, name)) is not None}
    before = bounds_of(row.tenant, row.plan)
    regions = {*before.regions, *row.regions} if before.regions else set()
    return replace(before, **asked, regions=tuple(sorted(regions)))


def _check_wanted(now: Bounds, wanted: Mapping[str, Any], regions: Sequence[str], plan: str) -> None:
    asked = {name: value for name, value in wanted.items() if value is not None}
    if not asked and not regions:
        raise Refused("nothing_asked", "Say how much of something you need, or in which regions.")
    for name, value in asked.items():
        bound = getattr(now, name)
        if bound is None or value <= bound:
            have = "without bound" if bound is None else f"{bound}"
            detail = f"{name} is granted {have} already; ask for more than that, or leave it out."
            raise Refused("quota_not_more", detail, field=name)
        if value > MOST:
            raise Refused("quota_too_much", f"{name} may be at most {MOST}.", field=name)
    if regions:
        _check_regions(now, regions, plan)


def _check_regions(now: Bounds, regions: Sequence[str], plan: str) -> None:
    known_regions(plan, regions)
    for region in regions:
        if now.allows(region):
            detail = f"Region {region} is granted already; leave it out."
            raise Refused("quota_not_more", detail, field="regions")


def _size(row: Usage | None) -> Size:
    return Size(*(getattr(row, name) for name in DIMENSIONS)) if row else Size()


def _bounds(plan: str, granted: Mapping[str, Entitlement], tenant: Tenant) -> Bounds:
    row = granted.get(plan) or (granted.get(OTHERS) if plan else None)
    if row is not None:
        return Bounds(**{name: getattr(row, name) for name in DIMENSIONS}, regions=tuple(row.regions))
    return default_bounds(load_plan_facts(plan)) if plan else Bounds(runtimes=tenant.runtime_quota)


def _record(action: str, actor: Actor, row: QuotaRequest, changes: Mapping[str, Any]) -> None:
    audit.record(
        action,
        actor=actor,
        tenant_id=row.tenant_id,
        target_type="quota_request",
        target_id=row.pk,
        changes={"plan": row.plan, **changes},
    )
