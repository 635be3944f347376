"""Modules that are installed, each counted once."""

from __future__ import annotations

from billing.meters.base import HOUR_SECONDS, Levels, Meter, Reading


def _levels(reading: Reading) -> Levels:
    return dict.fromkeys(reading.modules, 1)


METER = Meter(
    title="Modules",
    unit="Module-Hours",
    base="count",
    per_unit=HOUR_SECONDS,
    levels=_levels,
    dimension="module",
)
