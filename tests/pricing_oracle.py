"""Rates usage by brute force: each rule a sentence in fractions, nothing shared with the product.

It knows a tenant's month with one book after another, a discount and one exchange rate, as plain dictionaries.
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
    if rule == "included":
        allowance = Fraction(price["units"])
        beyond = max(units - allowance, Fraction(0))
        return cost_until(price["then"], beyond, max(total - allowance, Fraction(0)))
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
    for item in items:
        place = next(n for n, (end, _, _) in enumerate(stages) if item.start < end)
        used[place, item.meter][item.account, item.runtime] += item.quantity
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
            before = 0
            whole = sum(used[n, meter].get(who, 0) for n in range(len(stages)) for who in members)
            for place, (_, version, lines) in enumerate(stages):
                mine = {
                    who: used[place, meter][who] for who in sorted(members) if used[place, meter].get(who)
                }
                base = sum(mine.values())
                if not base:
                    continue
                unit = per_unit[meter]
                after = cost_until(
                    lines[meter]["price"], Fraction(before + base, unit), Fraction(whole, unit)
                )
                until = cost_until(lines[meter]["price"], Fraction(before, unit), Fraction(whole, unit))
                for (label, high), (_, low) in zip(after, until, strict=True):
                    del label
                    for who, part in zip(
                        mine, shared(cents((high - low) * factor), list(mine.values())), strict=True
                    ):
                        billed[(*who, meter, version)] += part
                before += base
    return billed
