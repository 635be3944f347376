"""Memory of all nodes, by their capacity: what a provider bills, whatever the kubelet keeps for itself."""

from __future__ import annotations

from billing.meters.base import HOUR_SECONDS, Levels, Meter, Reading


def _levels(reading: Reading) -> Levels:
    return {"": sum(node.capacity_mib for node in reading.nodes_of(platform=False))}


METER = Meter(title="Memory", unit="GiB-Hours", base="MiB", per_unit=1024 * HOUR_SECONDS, levels=_levels)
