"""Hands out the meters by key."""

from __future__ import annotations

from billing.meters.base import Meter, Reading
from controlplane.kernel.plugins import load


def meters() -> dict[str, Meter]:
    """Return every meter by its key."""
    found: dict[str, Meter] = load("billing.meters", "METER")
    return found


def unbilled() -> frozenset[str]:
    """Return the meters that no price book speaks of."""
    return frozenset(key for key, meter in meters().items() if not meter.billed)


def measure(reading: Reading) -> dict[str, dict[str, int]]:
    """Return {meter: {dimension: level}} of one sight, without zeros, in a fixed order: equal sights give equal bytes."""
    measured: dict[str, dict[str, int]] = {}
    for key, meter in sorted(meters().items()):
        levels = {name: level for name, level in sorted(meter.levels(reading).items()) if level}
        if levels:
            measured[key] = levels
    return measured
