"""Quota: what a tenant uses and was granted, and the queue of requests for more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import scope
from controlplane.api.auth import actor_of, tenant_of
from controlplane.api.contract import contract
from controlplane.api.idempotency import Answer, once
from controlplane.api.pages import page
from controlplane.api.parameters import PAGES, TENANT, Parameter, Query
from controlplane.api.shapes.operation import REASON
from controlplane.api.shapes.quota import (
    QUOTA,
    QUOTA_GRANT,
    QUOTA_REQUEST,
    QUOTA_REQUEST_LIST,
    QUOTA_WISH,
    STATES,
    quota_json,
    request_json,
)
from controlplane.api.views.base import ApiView
from controlplane.catalog.entitlements import quota_of
from controlplane.catalog.models import QuotaRequest
from controlplane.catalog.quota import DIMENSIONS
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.addresses import base_of
from controlplane.tenants.models import Tenant
from provisioner.lifecycle import quota_requests
from provisioner.lifecycle.admission import require
from provisioner.lifecycle.quota_grants import grant_quota

STATE = Parameter("state", "States.", {"type": "string", "enum": STATES}, repeatable=True)


class Quota(ApiView):
    """Used and granted."""

    @contract(
        operation_id="read_quota",
        summary="Read what is used and granted",
        tag="quota",
        answers={200: QUOTA},
        query=(TENANT,),
        problems=(403, 404),
    )
    def get(self, request: Request) -> Response:
        """Return all plans' line first, then one per plan; a token of the platform's team names the tenant."""
        actor = actor_of(request)
        tenant = self._tenant(actor, request)
        require(actor, Permission.QUOTA_READ, tenant_id=tenant.id)
        return Response(quota_json(tenant.slug, quota_of(tenant)))

    def _tenant(self, actor: Actor, request: Request) -> Tenant:
        named = self.query.text("tenant")
        own = tenant_of(request)
        if not actor.sees_every_tenant and own is not None:
            if named not in {"", own.slug}:
                raise scope.missing("tenant", named)
            return own
        if not named:
            detail = "Your token belongs to no tenant; add ?tenant= with the slug of one."
            raise Refused("tenant_required", detail, status=400)
        found = Tenant.objects.filter(slug=named).first()
        if found is None:
            raise scope.missing("tenant", named)
        return found


class TenantQuota(ApiView):
    """What a platform admin grants a tenant without being asked."""

    @contract(
        operation_id="grant_quota",
        summary="Grant or lower quota",
        tag="quota",
        answers={200: QUOTA},
        body=QUOTA_GRANT,
        problems=(403, 404, 409),
        idempotent=True,
    )
    def post(self, request: Request, tenant: str) -> HttpResponse:
        """Set bounds of a plan, or of all together; what is left out stays. For platform admins.

        A bound may be lower than what is used: nothing is taken away then, but nothing begins, grows or resumes until it fits.
        """
        body = self.body(request)
        actor = actor_of(request)
        owner = scope.the_tenant(actor, tenant)
        bounds = {name: body[name] for name in DIMENSIONS if name in body}
        if bounds.get("memory_gib") is not None:
            bounds["memory_gib"] = round(Decimal(str(bounds["memory_gib"])), 3)

        def act() -> Answer:
            grant_quota(
                actor=actor,
                tenant=owner,
                plan=body.get("plan") or "",
                bounds=bounds,
                regions=body.get("regions"),
                reason=body["reason"],
            )
            return Answer(200, quota_json(owner.slug, quota_of(owner)))

        return once(request, act)


class QuotaRequestList(ApiView):
    """The requests of a tenant; for the platform's team, the queue."""

    @contract(
        operation_id="list_quota_requests",
        summary="List requests for more quota",
        tag="quota",
        answers={200: QUOTA_REQUEST_LIST},
        query=(*PAGES, STATE, TENANT),
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return one page, newest first."""
        actor, base = actor_of(request), base_of(request)
        rows = _seen(actor, self.query)
        if states := self.query.many("state", allowed=STATES):
            rows = rows.filter(state__in=states)

        def write(found: Sequence[QuotaRequest]) -> list[dict[str, Any]]:
            return [request_json(row, base=base) for row in found]

        return Response(page(request, self.query, rows, write))

    @contract(
        operation_id="request_quota",
        summary="Ask for more quota",
        tag="quota",
        answers={201: QUOTA_REQUEST},
        body=QUOTA_WISH,
        problems=(403, 409),
        headers={201: ("Location",)},
        idempotent=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Put a request into the queue that the platform's admins answer; one per plan waits at a time."""
        body = self.body(request)
        tenant = scope.tenant_for_write(self.tenant, body.get("tenant", ""))
        actor, base = actor_of(request), base_of(request)
        wanted = {name: body.get(name) for name in DIMENSIONS}
        if wanted["memory_gib"] is not None:
            wanted["memory_gib"] = round(Decimal(str(wanted["memory_gib"])), 3)

        def act() -> Answer:
            row = quota_requests.request_quota(
                actor=actor,
                tenant=tenant,
                plan=body.get("plan") or "",
                wanted=wanted,
                regions=body.get("regions", []),
                reason=body["reason"],
                reply_to=body.get("reply_to", ""),
            )
            answer = request_json(row, base=base)
            return Answer(201, answer, {"Location": answer["url"]})

        return once(request, act)


class QuotaRequestDetail(ApiView):
    """One request."""

    @contract(
        operation_id="read_quota_request",
        summary="Read a request for more quota",
        tag="quota",
        answers={200: QUOTA_REQUEST},
        problems=(404,),
    )
    def get(self, request: Request, quota_request: str) -> Response:
        """Return what was asked for, and the answer."""
        row = scope.found("quota_request", quota_request, _seen(actor_of(request)))
        return Response(request_json(row, base=base_of(request)))


class QuotaAnswer(ApiView):
    """One verb on a request."""

    door: Callable[..., QuotaRequest]

    def carry_out(self, request: Request, quota_request: str) -> HttpResponse:
        """Call the verb's door and answer with the request."""
        request_id = scope.id_of("quota_request", quota_request)
        reason = self.body(request).get("reason", "")
        actor, base = actor_of(request), base_of(request)

        def act() -> Answer:
            type(self).door(actor=actor, request_id=request_id, reason=reason)
            row = scope.found("quota_request", quota_request, _seen(actor))
            return Answer(200, request_json(row, base=base))

        return once(request, act)


def _verb(verb: str, summary: str, door: Callable[..., QuotaRequest]) -> type[QuotaAnswer]:
    @contract(
        operation_id=f"{verb}_quota_request",
        summary=summary,
        tag="quota",
        answers={200: QUOTA_REQUEST},
        body=REASON,
        body_required=False,
        problems=(403, 404, 409),
        idempotent=True,
    )
    def post(self: QuotaAnswer, request: Request, quota_request: str) -> HttpResponse:
        return self.carry_out(request, quota_request)

    post.__doc__ = door.__doc__
    return type(f"QuotaRequest{verb.title()}", (QuotaAnswer,), {"post": post, "door": staticmethod(door)})


QuotaRequestApprove = _verb("approve", "Grant what was asked for", quota_requests.approve_request)
QuotaRequestDecline = _verb("decline", "Decline a request", quota_requests.decline_request)
QuotaRequestWithdraw = _verb("withdraw", "Take a request back", quota_requests.withdraw_request)


def _seen(actor: Actor, query: Query | None = None) -> QuerySet[QuotaRequest]:
    rows: QuerySet[QuotaRequest] = QuotaRequest.objects.select_related("tenant")
    if not actor.sees_every_tenant:
        rows = rows.filter(tenant=actor.tenant_id)
    if query is not None and (slug := query.text("tenant")):
        rows = rows.filter(tenant__slug=slug)
    return rows
