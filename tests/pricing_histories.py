"""Random months: usage of a few runtimes in random pieces, and books with random prices of which one follows the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any

from billing.pricing.types import Grant, Segment, Terms, UsageItem
from tests.priced import JUNE, METERS, book, line, rates, terms, used

PRICED = ("vcpu", "memory", "egress")


@dataclass(frozen=True)
class History:
    """A month, as rating and as the oracle take it."""

    items: list[UsageItem]
    terms: Terms
    stages: list[tuple[datetime, int, dict[str, dict[str, Any]]]]
    per_unit: dict[str, int]
    discount: str
    rate: str


def amount(random: Random) -> str:
    return str(Decimal(random.randint(0, 10**6)) / 10 ** random.randint(3, 6))


def price(random: Random, kind: str) -> dict[str, Any]:
    if kind == "per_unit":
        return {"rule": kind, "price": amount(random)}
    if kind == "package":
        return {"rule": kind, "size": random.randint(1, 50), "price": amount(random)}
    if kind == "included":
        units = {"units": random.randint(1, 500)}
        if random.random() < 0.7:  # an item of the month lasts some days
            units = {"units_per_hour": random.randint(1, 20)}
        then = price(random, random.choice(("volume", "per_unit", "graduated", "package")))
        return {"rule": kind, **units, "then": then}
    bounds = sorted(random.sample(range(1, 2000), random.randint(1, 3)))
    tiers: list[dict[str, Any]] = [{"up_to": bound, "price": amount(random)} for bound in bounds]
    return {"rule": kind, "tiers": [*tiers, {"price": amount(random)}]}


def history(random: Random) -> History:
    """Return a random month; the same randomness gives the same month."""
    shapes: dict[str, tuple[str, dict[str, Any]]] = {}
    for meter in PRICED:
        kind = random.choice(("per_unit", "graduated", "volume", "package", "included"))
        shapes[meter] = (kind, {"per": random.choice(("tenant", "account", "runtime"))})
    # Prices change once at most; the month is cut more often, where credits begin and end.
    cuts = [
        JUNE.start + timedelta(days=day) for day in sorted(random.sample(range(1, 30), random.randint(0, 4)))
    ]
    changed = random.choice(cuts) if cuts and random.random() < 0.7 else None
    ends = [*cuts, JUNE.end]
    currency, rate = random.choice((("EUR", "1"), ("USD", str(Decimal(random.randint(5000, 15000)) / 10000))))
    stages: list[tuple[datetime, int, dict[str, dict[str, Any]]]] = []
    segments: list[Segment] = []
    version = 1
    discount = random.choice(("0", "12.5", "33.333"))
    for since, end in pairwise([JUNE.start, *ends]):
        if since != changed and stages:
            stages.append((end, version, stages[-1][2]))
            segments[-1] = replace(segments[-1], end=end)
            continue
        # `included` counts what was given away before by its present size, so it keeps it over a change of prices.
        kept = stages[0][2] if stages else {}
        lines = {
            meter: kept[meter] if kept and kind == "included" else line(meter, price(random, kind), **more)
            for meter, (kind, more) in shapes.items()
        }
        version = len(segments) + 1
        held = book(*lines.values(), version=version, currency=currency)
        stages.append((end, version, lines))
        segments.append(Segment(since, end, held, discount_percent=Decimal(discount)))
    known = rates(("USD", "EUR", JUNE.start, rate))
    return History(
        items=[item(random, ends) for _ in range(random.randint(1, 40))],
        terms=terms(segments[0].book, segments=tuple(segments), rates=known, grants=nothing(cuts)),
        stages=stages,
        per_unit={meter: METERS[meter].per_unit for meter in PRICED},
        discount=discount,
        rate=rate,
    )


def nothing(cuts: list[datetime]) -> tuple[Grant, ...]:
    """Credits that were used up before: they cut the month, and give nothing."""
    return tuple(Grant(f"g{end}", "Gone", "EUR", Decimal(9), Decimal(0), JUNE.start, end) for end in cuts)


def item(random: Random, ends: list[datetime]) -> UsageItem:
    """Some usage that lies on one side of each cut."""
    day = random.randint(0, 29)
    start = JUNE.start + timedelta(days=day)
    end = min(end for end in ends if end > start)
    until = min(end, start + timedelta(days=random.randint(1, 5)))
    meter, who = random.choice(PRICED), random.randint(1, 4)
    quantity = random.randint(0, 700) * METERS[meter].per_unit + random.choice((0, random.randint(1, 10**6)))
    return used(meter, quantity, runtime=f"r{who}", account=f"a{who % 2}", start=start, end=until)
