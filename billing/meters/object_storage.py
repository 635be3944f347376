"""Object storage that a runtime reports of itself."""

from __future__ import annotations

from billing.meters.base import HOUR_SECONDS, Levels, Meter, Reading


def _levels(reading: Reading) -> Levels:
    return {"": reading.object_gib}


METER = Meter(title="Object storage", unit="GiB-Hours", base="GiB", per_unit=HOUR_SECONDS, levels=_levels)
