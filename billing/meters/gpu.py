"""Graphics processors of all nodes, by model; one whose model no label tells is `unknown`."""

from __future__ import annotations

from collections import Counter

from billing.meters.base import HOUR_SECONDS, UNKNOWN, Levels, Meter, Reading


def _levels(reading: Reading) -> Levels:
    found: Counter[str] = Counter()
    for node in reading.nodes_of(platform=False):
        found[node.gpu_model or UNKNOWN] += node.gpus
    return found


METER = Meter(
    title="Graphics processors",
    unit="GPU-Hours",
    base="count",
    per_unit=HOUR_SECONDS,
    levels=_levels,
    dimension="model",
)
