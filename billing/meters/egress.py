"""Traffic out of the runtime, where its landscape counts it: bytes since the reading before."""

from __future__ import annotations

from billing.meters.base import Levels, Meter, Reading


def _levels(reading: Reading) -> Levels:
    return {"": reading.egress_bytes}


METER = Meter(title="Egress", unit="GiB", base="bytes", per_unit=2**30, levels=_levels, counter=True)
