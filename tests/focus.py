"""Charges for the tests of FOCUS, made by plain functions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from billing.exports.focus.charge import Charge, Named
from billing.exports.focus.columns import Value
from billing.exports.focus.mapping import row_of
from billing.pricing.rating import rate
from billing.pricing.types import Commitment, Grant, Line, Terms, UsageItem
from tests.priced import JUNE, book, cores, line, terms, used

TENANT = Named("018f0000-0000-7000-8000-000000000001", "Archipel")
ACCOUNT = Named("a1", "Shop")
RUNTIME = Named("r1", "checkout")


def charge(of: Line, **more: Any) -> Charge:
    """A charge of a sealed statement, unless told otherwise."""
    given: dict[str, Any] = {
        "account": ACCOUNT if of.account else Named("", ""),
        "runtime": RUNTIME if of.runtime else Named("", ""),
        "labels": {"team": "shop"},
        "provider": "aws",
        "region_name": "Europe (Frankfurt)",
        "statement": "018f0000-0000-7000-8000-0000000000aa",
        **more,
    }
    return Charge(of, TENANT, JUNE, **given)


def rich_terms() -> Terms:
    """A month with a discount, a commitment that is not wholly used, and a credit."""
    held = book(line("vcpu", "0.05"), line("memory", {"rule": "package", "size": "100", "price": "0.333"}))
    commitment = Commitment(
        "c1", "48 cores", "vcpu", "", Decimal(48), "EUR", Decimal(18), JUNE.start, JUNE.end
    )
    grant = Grant("g1", "Welcome", "EUR", Decimal(1), Decimal(1), JUNE.start, JUNE.end)
    return terms(held, discount="20", commitments=(commitment,), grants=(grant,))


def rich_items() -> list[UsageItem]:
    """Usage of two runtimes."""
    return [
        cores(96), cores(7.5, runtime="r2"), used("memory", 777 * 1024 * 3600), used("memory", 1024 * 3600, runtime="r2"),
    ]  # fmt: skip


def charges(items: list[UsageItem] | None = None, held: Terms | None = None) -> list[Charge]:
    """Every charge of a month."""
    rated = rate(rich_items() if items is None else items, held or rich_terms())
    assert not rated.problems
    bought = {"commitment": "48 cores", "committed": Decimal(48), "commitment_unit": "Core-Hours"}
    return [charge(one, **(bought if one.commitment else {})) for one in rated.lines]


def focus_rows(**more: Any) -> list[dict[str, Value]]:
    """The rows of the same."""
    return [row_of(one, issuer="Nesoi") for one in charges(**more)]
