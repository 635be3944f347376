"""The hosted control plane, while its landscape bills one."""

from __future__ import annotations

from billing.meters.base import HOUR_SECONDS, Levels, Meter, Reading


def _levels(reading: Reading) -> Levels:
    return {"": reading.control_planes}


METER = Meter(
    title="Control planes", unit="Cluster-Hours", base="count", per_unit=HOUR_SECONDS, levels=_levels
)
