"""Processors of all nodes, by their capacity: what a provider bills, whatever the kubelet keeps for itself."""

from __future__ import annotations

from billing.meters.base import HOUR_SECONDS, Levels, Meter, Reading


def _levels(reading: Reading) -> Levels:
    return {"": sum(node.capacity_millicores for node in reading.nodes_of(platform=False))}


METER = Meter(
    title="Processors", unit="Core-Hours", base="millicores", per_unit=1000 * HOUR_SECONDS, levels=_levels
)
