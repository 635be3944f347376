"""Public addresses, of load balancers and of nodes."""

from __future__ import annotations

from billing.meters.base import HOUR_SECONDS, Levels, Meter, Reading


def _levels(reading: Reading) -> Levels:
    balanced = sum(balancer.addresses for balancer in reading.balancers)
    return {"": balanced + sum(node.public_addresses for node in reading.nodes_of(platform=False))}


METER = Meter(
    title="Public addresses", unit="Address-Hours", base="count", per_unit=HOUR_SECONDS, levels=_levels
)
