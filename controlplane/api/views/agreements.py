"""What FinOps agrees with tenants: contracts, credits, commitments; and the exchange rates it publishes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from billing.books import agreeing, ending
from billing.books.models import Commitment, Contract, CreditGrant
from billing.books.reading import all_rates
from billing.books.rights import require_manage
from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.idempotency import Answer, once
from controlplane.api.keysets import next_url, read_key
from controlplane.api.pages import page
from controlplane.api.parameters import PAGES, TENANT
from controlplane.api.shapes import agreements as shapes
from controlplane.api.views.base import ApiView
from controlplane.kernel.errors import FieldError, Refused

DAYS = ("starts", "ends", "expires", "since")
NUMBERS = ("amount", "units", "fee", "rate", "discount_percent")

Write = Callable[[Any, str], dict[str, Any]]  # a row and its tenant's slug as JSON


class Named(NamedTuple):
    """An agreement as the address names it."""

    model: type[Any]
    noun: str
    id: str


class AgreementView(ApiView):
    """What they share."""

    def rows(self, request: Request, model: type[Any], write: Write) -> Response:
        """Answer with one page; raises Refused 403."""
        rows = ending.visible(actor_of(request), model)
        if slug := self.query.text("tenant"):
            rows = rows.filter(tenant__slug=slug)
        return Response(
            page(request, self.query, rows, lambda found: [write(row, row.tenant.slug) for row in found])
        )

    def agree(self, request: Request, act: Callable[..., Any], write: Write) -> HttpResponse:
        """Agree on what the body says with the tenant that it names; raises Refused 403, 404, 409, 422."""
        actor, body = actor_of(request), self.body(request)
        require_manage(actor)
        tenant, given = scope.the_tenant(actor, body.pop("tenant")), read(body)
        return once(
            request, lambda: Answer(201, write(act(actor=actor, tenant=tenant, **given), tenant.slug))
        )

    def end(
        self,
        request: Request,
        named: Named,
        act: Callable[..., Any],
        write: Write,
    ) -> HttpResponse:
        """Let an agreement end earlier, as the body says; raises Refused 403, 404, 409, 422."""
        actor = actor_of(request)
        row = ending.the_agreement(actor, named.model, named.noun, scope.id_of(named.noun, named.id))
        given = {f"{named.noun}_id": row.pk, **read(self.body(request))}
        return once(request, lambda: Answer(200, write(act(actor=actor, **given), row.tenant.slug)))


class ContractList(AgreementView):
    """Contracts."""

    @contract(
        operation_id="list_contracts",
        summary="List contracts",
        tag="agreements",
        answers={200: shapes.CONTRACT_LIST},
        query=(*PAGES, TENANT),
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return one page; for FinOps."""
        return self.rows(request, Contract, shapes.contract_json)

    @contract(
        operation_id="agree_contract",
        summary="Agree a contract with a tenant",
        tag="agreements",
        answers={201: shapes.CONTRACT},
        body=shapes.CONTRACT_WISH,
        problems=(403, 404, 409),
        idempotent=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Agree a currency, a discount or a book of its own, for whole months; for FinOps."""
        return self.agree(request, agreeing.agree_contract, shapes.contract_json)


class ContractEnd(AgreementView):
    """The end of a contract."""

    @contract(
        operation_id="end_contract",
        summary="Let a contract end",
        tag="agreements",
        answers={200: shapes.CONTRACT},
        body=shapes.ENDING,
        problems=(403, 404, 409),
        idempotent=True,
    )
    def post(self, request: Request, contract: str) -> HttpResponse:
        """Let it end with a month, earlier than it says but never before what statements were sealed with; for FinOps."""
        found = Named(Contract, "contract", contract)
        return self.end(request, found, agreeing.end_contract, shapes.contract_json)


class CreditList(AgreementView):
    """Credits."""

    @contract(
        operation_id="list_credits",
        summary="List credits",
        tag="agreements",
        answers={200: shapes.CREDIT_LIST},
        query=(*PAGES, TENANT),
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return one page; for FinOps."""
        return self.rows(request, CreditGrant, shapes.credit_json)

    @contract(
        operation_id="grant_credit",
        summary="Grant a tenant credit",
        tag="agreements",
        answers={201: shapes.CREDIT},
        body=shapes.CREDIT_WISH,
        problems=(403, 404, 409),
        idempotent=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Give credit that statements draw until it expires; for FinOps. The reason stands in the audit trail."""
        return self.agree(request, agreeing.grant_credit, shapes.credit_json)


class CreditEnd(AgreementView):
    """The end of a credit."""

    @contract(
        operation_id="end_credit",
        summary="Let a credit expire earlier",
        tag="agreements",
        answers={200: shapes.CREDIT},
        body=shapes.EXPIRY,
        problems=(403, 404, 409),
        idempotent=True,
    )
    def post(self, request: Request, credit: str) -> HttpResponse:
        """Let it expire earlier; what was drawn stays drawn. For FinOps."""
        found = Named(CreditGrant, "credit", credit)
        return self.end(request, found, ending.end_credit, shapes.credit_json)


class CommitmentList(AgreementView):
    """Commitments."""

    @contract(
        operation_id="list_commitments",
        summary="List commitments",
        tag="agreements",
        answers={200: shapes.COMMITMENT_LIST},
        query=(*PAGES, TENANT),
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return one page; for FinOps."""
        return self.rows(request, Commitment, shapes.commitment_json)

    @contract(
        operation_id="agree_commitment",
        summary="Agree a commitment with a tenant",
        tag="agreements",
        answers={201: shapes.COMMITMENT},
        body=shapes.COMMITMENT_WISH,
        problems=(403, 404, 409),
        idempotent=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Agree on a fee a month for so many units of a meter; for FinOps."""
        return self.agree(request, agreeing.agree_commitment, shapes.commitment_json)


class CommitmentEnd(AgreementView):
    """The end of a commitment."""

    @contract(
        operation_id="end_commitment",
        summary="Let a commitment end earlier",
        tag="agreements",
        answers={200: shapes.COMMITMENT},
        body=shapes.ENDING,
        problems=(403, 404, 409),
        idempotent=True,
    )
    def post(self, request: Request, commitment: str) -> HttpResponse:
        """Let it end with an earlier month; for FinOps."""
        found = Named(Commitment, "commitment", commitment)
        return self.end(request, found, ending.end_commitment, shapes.commitment_json)


class RateList(ApiView):
    """Exchange rates."""

    @contract(
        operation_id="list_exchange_rates",
        summary="List exchange rates",
        tag="prices",
        answers={200: shapes.RATE_LIST},
        query=PAGES,
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return one page, by currencies and day; for FinOps."""
        after, limit = read_key(self.query.text("cursor"), (int,)), self.query.limit()
        rows = all_rates(actor_of(request)).order_by("-pk")
        found = list((rows.filter(pk__lt=after[0]) if after else rows)[: limit + 1])
        following = next_url(request, [found[limit - 1].pk]) if len(found) > limit else None
        return Response({"results": [shapes.rate_json(row) for row in found[:limit]], "next": following})

    @contract(
        operation_id="publish_exchange_rate",
        summary="Publish an exchange rate",
        tag="prices",
        answers={201: shapes.RATE},
        body=shapes.RATE_WISH,
        problems=(403, 409),
        idempotent=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Add a rate that holds from a day on; for FinOps."""
        actor = actor_of(request)
        require_manage(actor)
        given = read(self.body(request))
        return once(
            request, lambda: Answer(201, shapes.rate_json(agreeing.publish_rate(actor=actor, **given)))
        )


def read(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body with its days and numbers as such; raises Refused 422 for a day that no calendar has."""
    found: dict[str, Any] = {}
    for name, value in body.items():
        if name in DAYS:
            try:
                found[name] = date.fromisoformat(value)
            except ValueError as error:
                detail = f"{name} is {value}; there is no such day."
                raise Refused(
                    "day_invalid", detail, errors=[FieldError(name, "day_invalid", detail)]
                ) from error
        else:
            found[name] = Decimal(value) if name in NUMBERS else value
    return found
