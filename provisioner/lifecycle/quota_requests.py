"""The doors of the queue of requests for more quota: ask, withdraw, and the platform's answer, which goes out by e-mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from controlplane.catalog import entitlements
from controlplane.catalog.models import QuotaRequest
from controlplane.catalog.quota import DIMENSIONS, shown
from controlplane.catalog.quota_models import RequestState
from controlplane.notices.services import check_address, notify
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.models import Tenant, User
from controlplane.tenants.suspension import refuse_suspended
from provisioner.lifecycle.admission import require

ANSWERED = "quota-answered"


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
    """Ask the platform for more; a person who asks hears of the answer by e-mail. Raises Refused."""
    require(actor, Permission.QUOTA_REQUEST, tenant_id=tenant.id)
    refuse_suspended(tenant)
    address = check_address(reply_to) if reply_to else _address_of(actor)
    return entitlements.request_quota(
        actor=actor, tenant=tenant, plan=plan, wanted=wanted, regions=regions, reason=reason, reply_to=address
    )


@transaction.atomic
def withdraw_request(*, actor: Actor, request_id: UUID, reason: str = "") -> QuotaRequest:
    """Take an open request back. Raises Refused 403, 404, or 409 for one that was answered."""
    require(actor, Permission.QUOTA_REQUEST, tenant_id=_tenant_of(actor, request_id))
    return entitlements.answer(actor=actor, request_id=request_id, state=RequestState.WITHDRAWN, words=reason)


@transaction.atomic
def approve_request(*, actor: Actor, request_id: UUID, reason: str = "") -> QuotaRequest:
    """Grant what was asked for. Raises Refused 403, 404, or 409 for a request that was answered."""
    return _answered(actor, request_id, RequestState.APPROVED, reason)


@transaction.atomic
def decline_request(*, actor: Actor, request_id: UUID, reason: str = "") -> QuotaRequest:
    """Leave everything as it is. Raises Refused 403, 404, or 409 for a request that was answered."""
    return _answered(actor, request_id, RequestState.DECLINED, reason)


def _answered(actor: Actor, request_id: UUID, state: RequestState, words: str) -> QuotaRequest:
    require(actor, Permission.QUOTA_ANSWER, tenant_id=_tenant_of(actor, request_id))
    row = entitlements.answer(actor=actor, request_id=request_id, state=state, words=words)
    if row.reply_to:
        notify(
            to=row.reply_to,
            kind=ANSWERED,
            context={
                "approved": state is RequestState.APPROVED,
                "tenant": row.tenant.name,
                "plan": row.plan,
                "asked": asked(row),
                "answer": row.answer,
                "link": f"{settings.PUBLIC_URL}/quota/",
            },
            tenant_id=row.tenant_id,
            dedupe_key=f"{ANSWERED}:{row.pk}",
        )
    return row


def asked(row: QuotaRequest) -> list[str]:
    """Return what a request asks for, in words."""
    amounts = [shown(name, value) for name in DIMENSIONS if (value := getattr(row, name)) is not None]
    return [*amounts, *(f"region {region}" for region in row.regions)]


def _tenant_of(actor: Actor, request_id: UUID) -> UUID:
    """Return whose request it is; what the actor can't see is nobody's, and then the answer says 404."""
    rows = QuotaRequest.objects.filter(pk=request_id)
    if not actor.sees_every_tenant:
        rows = rows.filter(tenant=actor.tenant_id)
    found: UUID | None = rows.values_list("tenant_id", flat=True).first()
    if found is None:
        raise entitlements.no_such_request(request_id)
    return found


def _address_of(actor: Actor) -> str:
    if actor.user_id is None:
        return ""
    return User.objects.filter(pk=actor.user_id).values_list("email", flat=True).first() or ""
