"""Versions of price books on their way: uploaded, looked at, rated with, then activated or withdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from billing.books import uploading
from billing.books.models import PriceProposal
from billing.books.reading import plans_of_books
from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.idempotency import Answer, once
from controlplane.api.pages import page
from controlplane.api.parameters import PAGES
from controlplane.api.shapes import prices as shapes
from controlplane.api.views.base import ApiView
from controlplane.kernel.clock import utcnow


class ProposalList(ApiView):
    """What was uploaded."""

    @contract(
        operation_id="list_price_proposals",
        summary="List uploaded price books",
        tag="prices",
        answers={200: shapes.PROPOSAL_LIST},
        query=PAGES,
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return one page; for FinOps."""
        rows = uploading.visible_proposals(actor_of(request))

        def write(found: Sequence[PriceProposal]) -> list[dict[str, Any]]:
            return [shapes.proposal_json(row) for row in found]

        return Response(page(request, self.query, rows, write))

    @contract(
        operation_id="propose_prices",
        summary="Upload a version of a price book",
        tag="prices",
        answers={201: shapes.PROPOSAL_DETAIL},
        body=shapes.PROPOSAL_WISH,
        problems=(403, 409),
        idempotent=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Keep it to be looked at, and say what activating it would change; nothing is priced with it. For FinOps."""
        actor, body = actor_of(request), self.body(request)

        def act() -> Answer:
            row = uploading.propose(actor=actor, text=body["document"])
            return Answer(201, shapes.proposal_detail_json(row, uploading.look(row)))

        return once(request, act)


class ProposalDetail(ApiView):
    """One proposal."""

    @contract(
        operation_id="read_price_proposal",
        summary="Read an uploaded price book",
        tag="prices",
        answers={200: shapes.PROPOSAL_DETAIL},
        problems=(403, 404),
    )
    def get(self, request: Request, proposal: str) -> Response:
        """Return it, and what activating it would change; for FinOps."""
        actor = actor_of(request)
        uploading.visible_proposals(actor)
        row = uploading.the_proposal(actor, scope.id_of("price_proposal", proposal))
        return Response(shapes.proposal_detail_json(row, uploading.look(row)))

    @contract(
        operation_id="withdraw_price_proposal",
        summary="Withdraw an uploaded price book",
        tag="prices",
        answers={200: shapes.PROPOSAL},
        problems=(403, 404, 409),
        idempotent=True,
    )
    def delete(self, request: Request, proposal: str) -> HttpResponse:
        """Take it back; for FinOps."""
        actor = actor_of(request)
        uploading.visible_proposals(actor)
        proposal_id = scope.id_of("price_proposal", proposal)

        def act() -> Answer:
            row = uploading.withdraw(actor=actor, proposal_id=proposal_id)
            return Answer(200, shapes.proposal_json(row))

        return once(request, act)


class ProposalActivate(ApiView):
    """The end of a proposal."""

    @contract(
        operation_id="activate_price_proposal",
        summary="Let an uploaded price book price usage",
        tag="prices",
        answers={200: shapes.BOOK_DETAIL},
        problems=(403, 404, 409, 422),
        idempotent=True,
    )
    def post(self, request: Request, proposal: str) -> HttpResponse:
        """Activate it; what statements were sealed with is refused to change. For FinOps."""
        actor = actor_of(request)
        uploading.visible_proposals(actor)
        proposal_id = scope.id_of("price_proposal", proposal)

        def act() -> Answer:
            row = uploading.activate(actor=actor, proposal_id=proposal_id)
            plans = plans_of_books(utcnow().date())
            return Answer(200, shapes.book_detail_json(row, plans.get(row.key, ())))

        return once(request, act)
