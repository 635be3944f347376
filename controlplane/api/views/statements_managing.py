"""What FinOps does with statements: draft, check, seal, adjust."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from billing.statements import adjusting, asking, reading, sealing
from billing.statements.models import Adjustment
from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.idempotency import Answer, once
from controlplane.api.pages import page
from controlplane.api.parameters import PAGES, TENANT
from controlplane.api.shapes import statement as shapes
from controlplane.api.shapes.adjustment import ADJUSTMENT, ADJUSTMENT_LIST, ADJUSTMENT_WISH, adjustment_json
from controlplane.api.views.base import ApiView
from controlplane.api.views.statements import found_statement
from controlplane.tenants.addresses import base_of


class StatementDraft(ApiView):
    """A draft at once."""

    @contract(
        operation_id="draft_statement",
        summary="Draft a statement now",
        tag="statements",
        answers={200: shapes.STATEMENT},
        body=shapes.DRAFT_WISH,
        problems=(403, 404, 409),
        idempotent=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Draft a month of a tenant without waiting for the next round; for FinOps."""
        actor, base, body = actor_of(request), base_of(request), self.body(request)
        reading.require_manage(actor)
        tenant = scope.the_tenant(actor, body["tenant"])
        month = asking.read_month(body["month"])

        def act() -> Answer:
            row = asking.draft_now(actor=actor, tenant=tenant, month=month)
            return Answer(200, shapes.statement_json(row, base=base))

        return once(request, act)


class StatementSeal(ApiView):
    """The end of a draft."""

    @contract(
        operation_id="seal_statement",
        summary="Seal a statement",
        tag="statements",
        answers={200: shapes.STATEMENT},
        problems=(403, 404, 409),
        idempotent=True,
    )
    def post(self, request: Request, statement: str) -> HttpResponse:
        """Seal a month that is over, without waiting for the grace period; for FinOps. Nothing of it changes then."""
        actor, base = actor_of(request), base_of(request)
        found = found_statement(request, statement)
        reading.require_manage(actor)

        def act() -> Answer:
            sealing.seal_statement(actor=actor, statement_id=found.pk)
            return Answer(200, shapes.statement_json(reading.the_statement(actor, found.pk), base=base))

        return once(request, act)


class StatementCheck(ApiView):
    """Whether a sealed statement is as it was."""

    @contract(
        operation_id="check_statement",
        summary="Rate a sealed statement again and compare",
        tag="statements",
        answers={200: shapes.CHECKED},
        problems=(403, 404, 409),
    )
    def get(self, request: Request, statement: str) -> Response:
        """Rate it from the inputs it kept and compare byte by byte; for FinOps."""
        found = found_statement(request, statement)
        faults = asking.recheck(actor=actor_of(request), statement_id=found.pk)
        return Response({"statement": str(found.pk), "holds": not faults, "faults": faults})


class AdjustmentList(ApiView):
    """What waits for a tenant's next statement."""

    @contract(
        operation_id="list_adjustments",
        summary="List adjustments that no statement holds yet",
        tag="statements",
        answers={200: ADJUSTMENT_LIST},
        query=(*PAGES, TENANT),
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return one page; for FinOps."""
        rows = reading.open_adjustments(actor_of(request))
        if slug := self.query.text("tenant"):
            rows = rows.filter(tenant__slug=slug)

        def write(found: Sequence[Adjustment]) -> list[dict[str, Any]]:
            return [adjustment_json(row) for row in found]

        return Response(page(request, self.query, rows, write))

    @contract(
        operation_id="book_adjustment",
        summary="Give back or add an amount",
        tag="statements",
        answers={201: ADJUSTMENT},
        body=ADJUSTMENT_WISH,
        problems=(403, 404, 409),
        idempotent=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Book a line for a tenant's next statement; for FinOps. The reason stands in the audit trail."""
        actor, body = actor_of(request), self.body(request)
        reading.require_manage(actor)
        tenant = scope.the_tenant(actor, body.pop("tenant"))

        def act() -> Answer:
            row = adjusting.book_adjustment(
                actor=actor,
                tenant=tenant,
                amount=Decimal(body["amount"]),
                **{k: v for k, v in body.items() if k != "amount"},
            )
            return Answer(201, adjustment_json(row))

        return once(request, act)


class AdjustmentDetail(ApiView):
    """One adjustment."""

    @contract(
        operation_id="withdraw_adjustment",
        summary="Withdraw an adjustment that is not billed yet",
        tag="statements",
        answers={200: ADJUSTMENT},
        problems=(403, 404, 409),
        idempotent=True,
    )
    def delete(self, request: Request, adjustment: str) -> HttpResponse:
        """Take it back; for FinOps."""
        actor = actor_of(request)
        adjustment_id = reading.the_adjustment(actor, scope.id_of("adjustment", adjustment)).pk
        reading.require_manage(actor)

        def act() -> Answer:
            row = adjusting.withdraw_adjustment(actor=actor, adjustment_id=adjustment_id)
            return Answer(200, adjustment_json(row))

        return once(request, act)
