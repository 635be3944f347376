"""What engines 1 and 2 did otherwise: what they sealed is checked with them. Nothing new is rated so.

Where one inclusion or minimum held another, the parts of both had one label. No statement could hold both of one month, but
corrections of a closed month are by label: they took both for one.
"""

from __future__ import annotations

from billing.pricing.rules.base import Part
from billing.pricing.types import FIRST_ENGINE, SECOND_ENGINE

ENGINES = (FIRST_ENGINE, SECOND_ENGINE)
NESTED = ("included", "minimum")


def labelled(parts: list[Part]) -> list[Part]:
    """Return the parts of a charge, those of rules within rules labelled as their kind."""
    kinds = ((part, part.label.partition("-")[0]) for part in parts)
    return [part._replace(label=kind) if kind in NESTED else part for part, kind in kinds]
