"""Bound persistent volume claims, by storage class, in GiB as their volumes have them."""

from __future__ import annotations

from collections import Counter

from billing.meters.base import HOUR_SECONDS, Levels, Meter, Reading


def _levels(reading: Reading) -> Levels:
    found: Counter[str] = Counter()
    for claim in reading.claims:
        found[claim.storage_class] += claim.gib
    return found


METER = Meter(
    title="Block storage",
    unit="GiB-Hours",
    base="GiB",
    per_unit=HOUR_SECONDS,
    levels=_levels,
    dimension="storage class",
)
