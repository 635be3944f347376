"""What a runtime that nobody has ordered yet would cost in a month, from its fewest nodes to its most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from billing.books.services import terms
from billing.pricing.periods import month_of
from billing.pricing.rating import rate
from billing.pricing.types import Terms, UsageItem
from controlplane.catalog.parameters import Parameters
from controlplane.catalog.plans import PlanFacts

MILLICORES, MIB = 1000, 1024  # base units of the meters


@dataclass(frozen=True)
class Expected:
    """Bounds of a month's cost, before what is stored and sent."""

    least: Decimal
    most: Decimal
    currency: str


def expected_month(
    *, tenant_id: UUID, plan: PlanFacts, parameters: Parameters, now: datetime
) -> Expected | None:
    """Return what its nodes and its control plane cost around the clock, in a month like this and by the tenant's prices of now.

    What it will store and send nobody knows; commitments and granted credits are left aside. None where something has no price.
    Raises Refused (prices_missing), LookupError for a machine type that the plan has no more.
    """
    held = _standing(terms(tenant_id, month_of(now)), now)
    bounds = [
        _cost(plan, parameters.region, levels_of(plan, parameters, most=most), held) for most in (False, True)
    ]
    least, most = bounds
    return None if least is None or most is None else Expected(least, most, held.currency)


def levels_of(plan: PlanFacts, parameters: Parameters, *, most: bool) -> Mapping[tuple[str, str], int]:
    """Return {(meter, dimension): base units} of its fewest or most nodes; raises LookupError."""
    found: Counter[tuple[str, str]] = Counter({("control_plane", ""): 1})
    for pool in parameters.pools:
        machine = plan.machine_type(pool.machine_type)
        if machine is None:
            raise LookupError(f"plan {plan.key} has no machine type {pool.machine_type}")
        nodes = pool.autoscaler_max if most else pool.autoscaler_min
        found["node", machine.name] += nodes
        found["vcpu", ""] += nodes * machine.vcpu * MILLICORES
        found["memory", ""] += int(nodes * machine.memory_gib * MIB)
        if machine.gpus:
            found["gpu", machine.gpu_model] += nodes * machine.gpus
    return found


def _standing(held: Terms, now: datetime) -> Terms:
    """Return terms by which the prices of now hold for the whole month."""
    start, end = held.month
    segments = tuple(
        replace(segment, start=start, end=end)
        for segment in held.segments
        if segment.start <= now < segment.end
    )
    return replace(held, segments=segments, grants=(), commitments=())


def _cost(plan: PlanFacts, region: str, levels: Mapping[tuple[str, str], int], held: Terms) -> Decimal | None:
    start, end = held.month
    seconds = held.month.seconds
    rated = rate(
        (
            UsageItem(
                "", "", plan.key, region, meter, dimension, start, end, level * seconds, seconds, seconds
            )
            for (meter, dimension), level in sorted(levels.items())
            if level
        ),
        held,
    )
    return None if rated.problems else sum((line.billed_cost for line in rated.lines), Decimal(0))
