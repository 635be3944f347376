"""What the rules with tiers share: a list of upper bounds and prices that leaves nothing uncovered."""

from __future__ import annotations

from typing import NamedTuple

from billing.pricing.fields import Fields
from billing.pricing.money import Price


class Tier(NamedTuple):
    """A price up to and including `upper` base units; None is without bound."""

    upper: int | None
    price: Price


def parse_tiers(fields: Fields) -> tuple[Tier, ...]:
    """Read `tiers`: bounds rise, and the last has none; else some quantity would have no price."""
    entries = fields.entries("tiers")
    tiers: list[Tier] = []
    for place, entry in enumerate(entries):
        entry.only(("up_to", "price"))
        last = place == len(entries) - 1
        if last and "up_to" in entry.data:
            detail = "what lies above the last tier has no price; leave up_to out of the last, or add a tier."
            entry.fault("up_to", "tier_uncovered", detail)
        if not last and "up_to" not in entry.data:
            detail = "only the last tier has no up_to; say how far this one goes."
            entry.fault("", "tier_uncovered", detail)
        upper = entry.base("up_to") if "up_to" in entry.data else None
        previous = tiers[-1].upper if tiers else 0
        if upper is not None and previous is not None and upper <= previous:
            entry.fault("up_to", "tiers_out_of_order", "tiers must rise; put this one where it belongs.")
        tiers.append(Tier(upper, entry.price()))
    return tuple(tiers)
