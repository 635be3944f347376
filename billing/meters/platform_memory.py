"""Memory of the platform's own nodes: on nobody's bill, and the platform's share of the footprint."""

from __future__ import annotations

from billing.meters.base import HOUR_SECONDS, Levels, Meter, Reading


def _levels(reading: Reading) -> Levels:
    return {"": sum(node.capacity_mib for node in reading.nodes_of(platform=True))}


METER = Meter(
    title="Memory of the platform's nodes",
    unit="GiB-Hours",
    base="MiB",
    per_unit=1024 * HOUR_SECONDS,
    levels=_levels,
    billed=False,
)
