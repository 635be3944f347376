"""Snapshots of volumes that are ready, by snapshot class, in the GiB that restoring one takes."""

from __future__ import annotations

from collections import Counter

from billing.meters.base import HOUR_SECONDS, Levels, Meter, Reading


def _levels(reading: Reading) -> Levels:
    found: Counter[str] = Counter()
    for claim in reading.snapshots:
        found[claim.storage_class] += claim.gib
    return found


METER = Meter(
    title="Snapshots",
    unit="GiB-Hours",
    base="GiB",
    per_unit=HOUR_SECONDS,
    levels=_levels,
    dimension="storage class",
)
