"""Services of type LoadBalancer that a provider has given an address."""

from __future__ import annotations

from billing.meters.base import HOUR_SECONDS, Levels, Meter, Reading


def _levels(reading: Reading) -> Levels:
    return {"": len(reading.balancers)}


METER = Meter(
    title="Load balancers", unit="Balancer-Hours", base="count", per_unit=HOUR_SECONDS, levels=_levels
)
