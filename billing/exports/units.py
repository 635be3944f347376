"""Says what quantities of the usage store count, and how many of the meter's units they are."""

from __future__ import annotations

from functools import lru_cache

from billing.meters.registry import meters
from billing.pricing.amounts import plain
from billing.pricing.money import quantity_of


def in_units(meter: str, quantity: int) -> dict[str, str]:
    """Return what a quantity counts (`quantity_unit`), and the same in the meter's `unit`, as on statements: `units`, a decimal.

    All are empty for a meter that is gone.
    """
    counts, unit, per_unit = _facts(meter)
    return {
        "quantity_unit": counts,
        "units": plain(quantity_of(quantity, per_unit)) if unit else "",
        "unit": unit,
    }


@lru_cache
def _facts(meter: str) -> tuple[str, str, int]:
    known = meters().get(meter)
    if known is None:
        return "", "", 1
    return known.base if known.counter else f"{known.base} x seconds", known.unit, known.per_unit
