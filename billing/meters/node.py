"""Nodes, by machine type; a type that nobody knows is counted like any other."""

from __future__ import annotations

from collections import Counter

from billing.meters.base import HOUR_SECONDS, UNKNOWN, Levels, Meter, Reading


def _levels(reading: Reading) -> Levels:
    return Counter(node.machine_type or UNKNOWN for node in reading.nodes_of(platform=False))


METER = Meter(
    title="Nodes",
    unit="Node-Hours",
    base="count",
    per_unit=HOUR_SECONDS,
    levels=_levels,
    dimension="machine type",
)
