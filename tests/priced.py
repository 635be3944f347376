"""Price books, terms and usage for the tests of prices, made by plain functions."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from billing.pricing.book import Book
from billing.pricing.fx import Rate, Rates
from billing.pricing.periods import Period, month
from billing.pricing.reading import parse_book
from billing.pricing.types import MeterFacts, Segment, Terms, UsageItem

HOUR = 3600
METERS = {
    "vcpu": MeterFacts("Core-Hours", 1000 * HOUR),
    "memory": MeterFacts("GiB-Hours", 1024 * HOUR),
    "node": MeterFacts("Node-Hours", HOUR, has_dimension=True),
    "block_storage": MeterFacts("GiB-Hours", HOUR, has_dimension=True),
    "egress": MeterFacts("GiB", 2**30),
}
JUNE = month(2026, 6)


def line(meter: str, price: Any, **more: Any) -> dict[str, Any]:
    """A line of a book: a plain text is a price per unit."""
    rule = {"rule": "per_unit", "price": price} if isinstance(price, str) else price
    return {"key": meter.replace("_", "-"), "meter": meter, "unit": METERS[meter].unit, "price": rule, **more}


def document(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A book's document in which every meter without a line is free."""
    priced = {entry["meter"] for entry in lines}
    base: dict[str, Any] = {"key": "test", "version": 1, "title": "Test", "currency": "EUR"}
    base |= {"effective_from": "2026-01-01", "lines": list(lines)}
    if free := sorted(set(METERS) - priced):
        base["free"] = free
    return base | more


def book(*lines: dict[str, Any], **more: Any) -> Book:
    return parse_book(document(*lines, **more), METERS)


def terms(
    held: Book, *, period: Period = JUNE, currency: str = "EUR", discount: str = "0", **more: Any
) -> Terms:
    """The terms of a month in which one book holds."""
    segment = Segment(period.start, period.end, held, discount_percent=Decimal(discount))
    given: dict[str, Any] = {"rates": Rates(), "segments": (segment,), **more}
    return Terms(period, currency, **given)


def parted(earlier: Book, later: Book, at: datetime, *, period: Period = JUNE, **more: Any) -> Terms:
    """The terms of a month in which one version of a book follows another."""
    segments = (Segment(period.start, at, earlier), Segment(at, period.end, later))
    return terms(earlier, period=period, segments=segments, **more)


def used(
    meter: str,
    quantity: int,
    *,
    runtime: str = "r1",
    account: str = "a1",
    plan: str = "aws",
    dimension: str = "",
    start: datetime = JUNE.start,
    end: datetime | None = None,
    seen: int | None = None,
) -> UsageItem:
    until = end or JUNE.end
    alive = (until - start) // timedelta(seconds=1)
    covered = alive if seen is None else seen
    return UsageItem(
        account, runtime, plan, "eu-central-1", meter, dimension, start, until, quantity, covered, alive
    )


def cores(hours: float, **more: Any) -> UsageItem:
    return used("vcpu", int(hours * 1000 * HOUR), **more)


def rates(*known: tuple[str, str, datetime, str]) -> Rates:
    return Rates.of(Rate(base, quote, since, Decimal(rate)) for base, quote, since, rate in known)


def exact(*figures: object) -> tuple[object, ...]:
    """Figures to be compared with whole numbers, which a Decimal may equal."""
    return figures
