"""What another price book would have made of a month: asked here, rated by a worker, read while it comes."""

from __future__ import annotations

from datetime import date

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from billing.books import uploading
from billing.books.asking import ask_what_if, sums_of, the_what_if, visible_what_ifs
from billing.books.models import PriceBook, PriceProposal
from billing.books.what_if_models import WhatIfAnswer
from billing.costs.months import require_month
from billing.usage.slots import month_before
from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.idempotency import Answer, once
from controlplane.api.keysets import keyed_page
from controlplane.api.pages import page
from controlplane.api.parameters import PAGES
from controlplane.api.shapes import what_if as shapes
from controlplane.api.views.base import ApiView
from controlplane.api.views.prices import BookView
from controlplane.kernel.clock import utcnow


class Asking(BookView):
    """What both ways to ask share."""

    def ask(self, request: Request, subject: PriceBook | PriceProposal) -> HttpResponse:
        """Have a worker rate a month with it; raises Refused 400, 403."""
        actor, body = actor_of(request), self.body(request)
        month = _month(body.get("month", ""))

        def act() -> Answer:
            row = ask_what_if(
                actor=actor, subject=subject, month=month, instead_of=body.get("instead_of", "")
            )
            return Answer(202, shapes.what_if_json(row, sums_of(row)))

        return once(request, act)


class BookWhatIf(Asking):
    """A month by a version that there is."""

    @contract(
        operation_id="what_if_price_book",
        summary="Have a month of every tenant rated with a price book",
        tag="prices",
        answers={202: shapes.WHAT_IF},
        body=shapes.WISH,
        body_required=False,
        problems=(403, 404),
        idempotent=True,
    )
    def post(self, request: Request, key: str, version: str) -> HttpResponse:
        """Ask what each tenant would have been charged; an open question is answered as it is. For FinOps."""
        return self.ask(request, self.row(request, key, version))


class ProposalWhatIf(Asking):
    """A month by a version that is not active."""

    @contract(
        operation_id="what_if_price_proposal",
        summary="Have a month of every tenant rated with an uploaded price book",
        tag="prices",
        answers={202: shapes.WHAT_IF},
        body=shapes.WISH,
        body_required=False,
        problems=(403, 404),
        idempotent=True,
    )
    def post(self, request: Request, proposal: str) -> HttpResponse:
        """Ask what each tenant would have been charged; an open question is answered as it is. For FinOps."""
        actor = actor_of(request)
        uploading.visible_proposals(actor)
        return self.ask(request, uploading.the_proposal(actor, scope.id_of("price_proposal", proposal)))


class WhatIfList(ApiView):
    """The questions of a week."""

    @contract(
        operation_id="list_what_ifs",
        summary="List months that are rated with other prices",
        tag="prices",
        answers={200: shapes.WHAT_IF_LIST},
        query=PAGES,
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return one page, newest first; for FinOps."""
        rows = visible_what_ifs(actor_of(request))
        return Response(
            page(
                request,
                self.query,
                rows,
                lambda found: [shapes.what_if_json(row, sums_of(row)) for row in found],
            )
        )


class WhatIfDetail(ApiView):
    """One question."""

    @contract(
        operation_id="read_what_if",
        summary="Read how far a month is rated with other prices",
        tag="prices",
        answers={200: shapes.WHAT_IF},
        problems=(403, 404),
    )
    def get(self, request: Request, what_if: str) -> Response:
        """Return its state, and the sums so far; for FinOps."""
        row = the_what_if(actor_of(request), scope.id_of("what_if", what_if))
        return Response(shapes.what_if_json(row, sums_of(row)))


class WhatIfTenants(ApiView):
    """The answers."""

    @contract(
        operation_id="list_what_if_tenants",
        summary="List what tenants would have been charged",
        tag="prices",
        answers={200: shapes.ANSWER_LIST},
        query=PAGES,
        problems=(403, 404),
    )
    def get(self, request: Request, what_if: str) -> Response:
        """Return one page of tenants that were rated, by slug; for FinOps."""
        row = the_what_if(actor_of(request), scope.id_of("what_if", what_if))

        def ask(after: list[str] | None, limit: int) -> list[WhatIfAnswer]:
            rows = row.answers.order_by("slug")
            return list((rows.filter(slug__gt=after[0]) if after else rows)[:limit])

        return Response(
            keyed_page(
                request, self.query, (str,), ask=ask, key=lambda one: (one.slug,),
                write=lambda found: [shapes.answer_json(one) for one in found],
            )
        )  # fmt: skip


def _month(text: str) -> date:
    now = utcnow()
    return require_month(text, now=now).date() if text else month_before(now.date())
