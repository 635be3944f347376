"""Rates usage by brute force: each rule a sentence in fractions, nothing shared with the product.

It knows a tenant's month with one book after another, cut wherever it may be, a discount and one exchange rate, as plain
dictionaries.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from typing import Any

from billing.pricing.types import UsageItem

Key = tuple[str, str, str, int]  # account, runtime, meter, version


def cents(amount: Fraction) -> int:
    """Round an exact amount half to even, as Decimal does."""
    with localcontext(prec=400):
        exact = Decimal(amount.numerator) * 100 / Decimal(amount.denominator)
        return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def cost_until(price: dict[str, Any], units: Fraction, total: Fraction) -> list[tuple[str, Fraction]]:
    """What the first so many units of a month cost, by part."""
    rule = price["rule"]
    if rule == "per_unit":
        return [("", units * Fraction(price["price"]))]
    if rule == "package":
        return [("", -(-units // Fraction(price["size"])) * Fraction(price["price"]))]
    parts, lower = [], Fraction(0)
    for number, tier in enumerate(price["tiers"], start=1):
        upper = Fraction(tier["up_to"]) if "up_to" in tier else None
        if rule == "volume":
            if upper is None or total <= upper:
                return [(f"tier-{number}", units * Fraction(tier["price"]))]
            continue
        reached = units if upper is None else min(units, upper)
        parts.append((f"tier-{number}", max(reached - lower, Fraction(0)) * Fraction(tier["price"])))
        lower = reached if upper is None else upper
    return parts


def freed(used: Sequence[Fraction], given: Sequence[Fraction]) -> list[Fraction]:
    """What each piece of a month has free. What is more at its end than before covers the latest use that is not covered."""
    free, covered, used_until, given_until = [Fraction(0)] * len(used), Fraction(0), Fraction(0), Fraction(0)
    for place in range(len(used)):
        used_until += used[place]
        given_until += given[place]
        more = min(used_until, given_until) - covered
        covered += more
        for piece in range(place, -1, -1):
            taken = min(more, used[piece] - free[piece])
            free[piece] += taken
            more -= taken
    return free


def costs(
    prices: Sequence[dict[str, Any]], used: Sequence[Fraction], seen: Sequence[int]
) -> list[list[Fraction]]:
    """What each piece of a month costs, by part; each piece has its price, what was used and how many seconds were seen."""
    if prices[0]["rule"] == "included":
        given = [
            Fraction(price.get("units_per_hour", 0)) * time / 3600
            for price, time in zip(prices, seen, strict=True)
        ]
        given[0] += Fraction(prices[0].get("units", 0))
        beyond = [whole - free for whole, free in zip(used, freed(used, given), strict=True)]
        return costs([price["then"] for price in prices], beyond, seen)
    found, before = [], Fraction(0)
    for price, units in zip(prices, used, strict=True):
        after, until = (cost_until(price, end, sum(used, Fraction(0))) for end in (before + units, before))
        found.append([high - low for (_, high), (_, low) in zip(after, until, strict=True)])
        before += units
    return found


def shared(total: int, weights: Sequence[int]) -> list[int]:
    """Hand out one cent at a time to whoever is furthest below their share: largest remainder, the slow way."""
    whole = sum(weights)
    given = [int(Fraction(total * weight, whole)) for weight in weights]
    while sum(given) < total:
        behind = [Fraction(total * weight, whole) - have for weight, have in zip(weights, given, strict=True)]
        given[behind.index(max(behind))] += 1
    return given


def oracle(
    items: Sequence[UsageItem],
    stages: Sequence[tuple[Any, int, dict[str, dict[str, Any]]]],
    per_unit: dict[str, int],
    *,
    discount: str = "0",
    rate: str = "1",
) -> dict[Key, int]:
    """Return the billed cents by account, runtime, meter and version; `stages` are (end, version, {meter: book line})."""
    used: dict[tuple[int, str], dict[tuple[str, str], int]] = defaultdict(lambda: defaultdict(int))
    seen: dict[tuple[int, str], dict[tuple[str, str], int]] = defaultdict(lambda: defaultdict(int))
    for item in items:
        place = next(n for n, (end, _, _) in enumerate(stages) if item.start < end)
        used[place, item.meter][item.account, item.runtime] += item.quantity
        seen[place, item.meter][item.account, item.runtime] += item.observed_seconds
    factor = Fraction(rate) * (1 - Fraction(discount) / 100)
    billed: dict[Key, int] = defaultdict(int)
    for meter in sorted({meter for _, meter in used}):
        first = next(lines[meter] for _, _, lines in stages)
        per = first.get("per", "runtime" if first["price"]["rule"] == "per_unit" else "tenant")
        scopes: dict[Any, set[tuple[str, str]]] = defaultdict(set)
        for (_, known), runtimes in used.items():
            if known == meter:
                for account, runtime in runtimes:
                    scopes[{"tenant": "", "account": account, "runtime": runtime}[per]].add(
                        (account, runtime)
                    )
        for members in scopes.values():
            # Who used nothing in the whole month brings no time.
            users = sorted(who for who in members if any(used[n, meter].get(who) for n in range(len(stages))))
            units = [
                Fraction(sum(used[n, meter].get(who, 0) for who in users), per_unit[meter])
                for n in range(len(stages))
            ]
            times = [sum(seen[n, meter].get(who, 0) for who in users) for n in range(len(stages))]
            pieces = costs([lines[meter]["price"] for _, _, lines in stages], units, times)
            for place, parts in enumerate(pieces):
                mine = {who: base for who in users if (base := used[place, meter].get(who))}
                for part in parts if mine else ():
                    for who, share in zip(
                        mine, shared(cents(part * factor), list(mine.values())), strict=True
                    ):
                        billed[(*who, meter, stages[place][1])] += share
    return billed
