"""Shared file systems: claims that a file service serves, and what a runtime reports of itself."""

from __future__ import annotations

from billing.meters.base import HOUR_SECONDS, Levels, Meter, Reading


def _levels(reading: Reading) -> Levels:
    return {"": reading.nfs_gib}


METER = Meter(
    title="Shared file systems", unit="GiB-Hours", base="GiB", per_unit=HOUR_SECONDS, levels=_levels
)
