"""Providers' bills for the FinOps team: what was booked, and one more to be booked by a worker."""

from __future__ import annotations

import base64

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from billing.exports.bills.asking import ask_import, the_import, visible_imports
from billing.exports.bills.reading import visible_bills
from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.idempotency import Answer, once
from controlplane.api.pages import page
from controlplane.api.parameters import PAGES
from controlplane.api.shapes import bills as shapes
from controlplane.api.views.base import ApiView
from controlplane.kernel.errors import Refused


class ProviderBillList(ApiView):
    """Bills of providers."""

    @contract(
        operation_id="list_provider_bills",
        summary="List imported bills of providers",
        tag="exports",
        answers={200: shapes.PROVIDER_BILL_LIST},
        query=PAGES,
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return one page."""
        rows = visible_bills(actor_of(request))
        return Response(
            page(request, self.query, rows, lambda found: [shapes.bill_json(row) for row in found])
        )

    @contract(
        operation_id="import_provider_bill",
        summary="Have a provider's bill booked",
        tag="exports",
        answers={202: shapes.BILL_IMPORT},
        body=shapes.BILL_WISH,
        problems=(403,),
        idempotent=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Have a worker book the bill at a place in a bucket, or one that is sent along; its import says what came of it."""
        actor, body = actor_of(request), self.body(request)

        def act() -> Answer:
            row = ask_import(
                actor=actor,
                provider=body["provider"],
                file_format=body.get("format", "cur2"),
                source=body.get("source", ""),
                name=body.get("name", ""),
                content=_decoded(body.get("content", "")),
                final_again=body.get("final_again", False),
            )
            return Answer(202, shapes.bill_import_json(row))

        return once(request, act)


class BillImportList(ApiView):
    """Bills that somebody wants booked."""

    @contract(
        operation_id="list_bill_imports",
        summary="List imports of providers' bills",
        tag="exports",
        answers={200: shapes.BILL_IMPORT_LIST},
        query=PAGES,
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return one page, newest first."""
        rows = visible_imports(actor_of(request))
        return Response(
            page(request, self.query, rows, lambda found: [shapes.bill_import_json(row) for row in found])
        )


class BillImportDetail(ApiView):
    """One of them."""

    @contract(
        operation_id="read_bill_import",
        summary="Read what came of an import of a provider's bill",
        tag="exports",
        answers={200: shapes.BILL_IMPORT},
        problems=(403, 404),
    )
    def get(self, request: Request, bill_import: str) -> Response:
        """Return its state, and which rows are wrong."""
        row = the_import(actor_of(request), scope.id_of("import", bill_import))
        return Response(shapes.bill_import_json(row))


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:  # of letters that are not ASCII as of wrong padding
        raise Refused("content_invalid", "content must be the file in base64.", field="content") from error
