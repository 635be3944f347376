"""Budgets, and days out of the ordinary."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from billing.costs import budgets as doors
from billing.costs.anomalies import dismiss_anomaly, visible_anomalies
from billing.costs.checking import Stand, stands_of
from billing.costs.models import Anomaly, AnomalyState, Budget
from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.etags import etag, expected_revision
from controlplane.api.idempotency import Answer, once
from controlplane.api.pages import page
from controlplane.api.parameters import PAGES, TENANT, Parameter
from controlplane.api.shapes.budget import (
    ANOMALY,
    ANOMALY_LIST,
    BUDGET,
    BUDGET_CHANGE,
    BUDGET_LIST,
    BUDGET_WISH,
    DISMISSAL,
    anomaly_json,
    budget_json,
)
from controlplane.api.views.base import ApiView
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.addresses import base_of

STATE = Parameter("state", "States.", {"type": "string", "enum": list(AnomalyState.values)}, repeatable=True)


class BudgetList(ApiView):
    """The budgets of a tenant."""

    @contract(
        operation_id="list_budgets",
        summary="List budgets",
        tag="costs",
        answers={200: BUDGET_LIST},
        query=(*PAGES, TENANT),
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return one page, newest first, each as it stands now."""
        actor, base = actor_of(request), base_of(request)
        require_costs(actor)
        rows = doors.visible_budgets(actor)
        if slug := self.query.text("tenant"):
            rows = rows.filter(tenant__slug=slug)

        def write(found: Sequence[Budget]) -> list[dict[str, Any]]:
            stands = stands_now(found)
            return [budget_json(row, stands[row.id], base=base) for row in found]

        return Response(page(request, self.query, rows, write))

    @contract(
        operation_id="create_budget",
        summary="Create a budget",
        tag="costs",
        answers={201: BUDGET},
        body=BUDGET_WISH,
        problems=(403, 409),
        headers={201: ("Location", "ETag")},
        idempotent=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Bound what a tenant, or one of its accounts, is to cost or emit in a month."""
        body = self.body(request)
        tenant = scope.tenant_for_write(self.tenant, body.pop("tenant", ""))
        actor, base = actor_of(request), base_of(request)
        body["amount"] = Decimal(body["amount"])

        def act() -> Answer:
            row = doors.create_budget(actor=actor, tenant=tenant, **body)
            return _answer(actor, row.id, base, status=201)

        return once(request, act)


class BudgetDetail(ApiView):
    """One budget."""

    @contract(
        operation_id="read_budget",
        summary="Read a budget",
        tag="costs",
        answers={200: BUDGET},
        problems=(403, 404),
        headers={200: ("ETag",)},
    )
    def get(self, request: Request, budget: str) -> Response:
        """Return it as it stands now."""
        actor = actor_of(request)
        row: Budget = scope.found("budget", budget, doors.visible_budgets(actor))
        require_costs(actor)
        told = budget_json(row, stands_now([row])[row.id], base=base_of(request))
        return Response(told, headers={"ETag": etag(row.revision)})

    @contract(
        operation_id="change_budget",
        summary="Change a budget",
        tag="costs",
        answers={200: BUDGET},
        body=BUDGET_CHANGE,
        problems=(403, 404, 409),
        headers={200: ("ETag",)},
        idempotent=True,
        conditional=True,
    )
    def patch(self, request: Request, budget: str) -> HttpResponse:
        """Change what is named; thresholds that were told this month are not told again."""
        budget_id = scope.id_of("budget", budget)
        changes, revision = self.body(request), expected_revision(request)
        actor, base = actor_of(request), base_of(request)
        if "amount" in changes:
            changes["amount"] = Decimal(changes["amount"])

        def act() -> Answer:
            doors.change_budget(actor=actor, budget_id=budget_id, changes=changes, expected_revision=revision)
            return _answer(actor, budget_id, base)

        return once(request, act)

    @contract(
        operation_id="remove_budget",
        summary="Remove a budget",
        tag="costs",
        answers={200: BUDGET},
        problems=(403, 404),
        idempotent=True,
    )
    def delete(self, request: Request, budget: str) -> HttpResponse:
        """Remove it and return it as it was, with what was noted of it; what it stopped may begin again."""
        actor, base = actor_of(request), base_of(request)

        def act() -> Answer:
            row: Budget = scope.found("budget", budget, doors.visible_budgets(actor))
            told = budget_json(row, stands_now([row])[row.id], base=base)
            doors.remove_budget(actor=actor, budget_id=row.id)
            return Answer(200, told)

        return once(request, act)


class AnomalyList(ApiView):
    """Days out of the ordinary."""

    @contract(
        operation_id="list_anomalies",
        summary="List days out of the ordinary",
        tag="costs",
        answers={200: ANOMALY_LIST},
        query=(*PAGES, STATE, TENANT),
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return one page, newest first."""
        actor = actor_of(request)
        require_costs(actor)
        rows = visible_anomalies(actor)
        if states := self.query.many("state", allowed=list(AnomalyState.values)):
            rows = rows.filter(state__in=states)
        if slug := self.query.text("tenant"):
            rows = rows.filter(tenant__slug=slug)

        def write(found: Sequence[Anomaly]) -> list[dict[str, Any]]:
            return [anomaly_json(row) for row in found]

        return Response(page(request, self.query, rows, write))


class AnomalyDismiss(ApiView):
    """Say why a day is as it should be."""

    @contract(
        operation_id="dismiss_anomaly",
        summary="Dismiss a day out of the ordinary",
        tag="costs",
        answers={200: ANOMALY},
        body=DISMISSAL,
        problems=(403, 404, 409),
        idempotent=True,
    )
    def post(self, request: Request, anomaly: str) -> HttpResponse:
        """Close it with a reason that everybody who sees costs can read."""
        anomaly_id, reason = scope.id_of("anomaly", anomaly), self.body(request)["reason"]
        actor = actor_of(request)

        def act() -> Answer:
            row = dismiss_anomaly(actor=actor, anomaly_id=anomaly_id, reason=reason)
            return Answer(200, anomaly_json(row))

        return once(request, act)


def stands_now(rows: Sequence[Budget]) -> dict[UUID, Stand]:
    """Return how budgets stand at this moment."""
    now = utcnow()
    by_tenant: dict[UUID, list[Budget]] = defaultdict(list)
    for row in rows:
        by_tenant[row.tenant_id].append(row)
    found: dict[UUID, Stand] = {}
    for tenant, theirs in by_tenant.items():
        found |= stands_of(tenant_id=tenant, budgets=theirs, moment=now, now=now)
    return found


def require_costs(actor: Actor) -> None:
    """Raise Refused 403 unless the actor may see costs."""
    if not actor.may(Permission.COST_READ):
        detail = "Your role does not show costs; ask an admin of your tenant for one that does."
        raise Refused("forbidden", detail, status=403)


def _answer(actor: Actor, budget_id: UUID, base: str, *, status: int = 200) -> Answer:
    row = doors.visible_budgets(actor).get(pk=budget_id)
    told = budget_json(row, stands_now([row])[row.id], base=base)
    headers = {"ETag": etag(row.revision)}
    return Answer(status, told, headers | ({"Location": told["url"]} if status == 201 else {}))  # noqa: PLR2004
