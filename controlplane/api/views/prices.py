"""What things cost: for one tenant, in every price book, and what another book would have made of a month."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from billing.books.models import PriceBook
from billing.books.reading import all_books, between, book_named, plans_of_books, prices_of, the_book
from billing.costs.months import require_month
from billing.pricing.periods import month_of
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.keysets import next_url, read_key
from controlplane.api.parameters import PAGES, TENANT, Parameter
from controlplane.api.shapes import prices as shapes
from controlplane.api.views.base import ApiView
from controlplane.api.views.costs import MONTH, CostView
from controlplane.kernel.clock import utcnow

BEFORE = Parameter(
    "before", "Key and version to compare with; the version before, unless told.", example="standard/1"
)
_MOST_DIGITS = 6


class Prices(CostView):
    """What things cost for a tenant."""

    @contract(
        operation_id="read_prices",
        summary="Read what things cost",
        tag="prices",
        answers={200: shapes.PRICES},
        query=(MONTH, TENANT),
        problems=(403, 404, 409),
    )
    def get(self, request: Request) -> Response:
        """Return the prices of a month as they hold for the tenant, its contract's discount, credits and commitments."""
        tenant, now = self.owner(request), utcnow()
        text = self.query.text("month")
        month = month_of(require_month(text, now=now) if text else now)
        found = prices_of(tenant, month)
        return Response(shapes.prices_json(tenant.slug, f"{month.start:%Y-%m}", found))


class PriceBookList(ApiView):
    """Every version of every book."""

    @contract(
        operation_id="list_price_books",
        summary="List price books",
        tag="prices",
        answers={200: shapes.BOOK_LIST},
        query=PAGES,
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return one page of versions, by key, the oldest first; for FinOps."""
        after = read_key(self.query.text("cursor"), (str, int))
        rows = all_books(actor_of(request)).order_by("key", "version")
        if after:
            rows = rows.filter(key__gte=after[0]).exclude(key=after[0], version__lte=after[1])
        limit, plans = self.query.limit(), plans_of_books(utcnow().date())
        found = list(rows[: limit + 1])
        last = found[limit - 1] if len(found) > limit else None
        return Response(
            {
                "results": [shapes.book_json(row, plans.get(row.key, ())) for row in found[:limit]],
                "next": next_url(request, [last.key, last.version]) if last else None,
            }
        )


class BookView(ApiView):
    """Something about one version."""

    def row(self, request: Request, key: str, version: str) -> PriceBook:
        """Return the version that a path names; raises Refused 403, 404."""
        number = (
            int(version) if version.isascii() and version.isdigit() and len(version) <= _MOST_DIGITS else 0
        )
        return the_book(actor_of(request), key[:39], number)


class PriceBookDetail(BookView):
    """One version."""

    @contract(
        operation_id="read_price_book",
        summary="Read a version of a price book",
        tag="prices",
        answers={200: shapes.BOOK_DETAIL},
        problems=(403, 404),
    )
    def get(self, request: Request, key: str, version: str) -> Response:
        """Return its lines in words, and its document; for FinOps."""
        row = self.row(request, key, version)
        plans = plans_of_books(utcnow().date())
        return Response(shapes.book_detail_json(row, plans.get(row.key, ())))


class PriceBookDifference(BookView):
    """Two versions."""

    @contract(
        operation_id="compare_price_books",
        summary="Compare two versions of price books",
        tag="prices",
        answers={200: shapes.DIFFERENCE},
        query=(BEFORE,),
        problems=(403, 404),
    )
    def get(self, request: Request, key: str, version: str) -> Response:
        """Return every place at which they differ; for FinOps."""
        row = self.row(request, key, version)
        name = self.query.text("before") or f"{row.key}/{row.version - 1}"
        before = book_named(actor_of(request), name)
        changes = shapes.changes_json(between(before, row))
        return Response({"before": str(before), "after": str(row), "changes": changes})
