"""How much a runtime may take: for quotas, and for the hints beside the request form."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from controlplane.catalog.parameters import Parameters
from controlplane.catalog.plans import PlanFacts


@dataclass(frozen=True)
class Capacity:
    """Bounds over all worker pools of one runtime, from fewest to most nodes."""

    nodes_min: int
    nodes_max: int
    vcpu_min: int
    vcpu_max: int
    memory_gib_min: Decimal
    memory_gib_max: Decimal
    gpus_max: int


def capacity(parameters: Parameters, facts: PlanFacts) -> Capacity:
    """Sum the pools; raises LookupError for a machine type that the plan no longer has."""
    total = Capacity(0, 0, 0, 0, Decimal(0), Decimal(0), 0)
    for pool in parameters.pools:
        machine = facts.machine_type(pool.machine_type)
        if machine is None:
            raise LookupError(f"plan {facts.key} has no machine type {pool.machine_type}")
        total = Capacity(
            nodes_min=total.nodes_min + pool.autoscaler_min,
            nodes_max=total.nodes_max + pool.autoscaler_max,
            vcpu_min=total.vcpu_min + pool.autoscaler_min * machine.vcpu,
            vcpu_max=total.vcpu_max + pool.autoscaler_max * machine.vcpu,
            memory_gib_min=total.memory_gib_min + pool.autoscaler_min * machine.memory_gib,
            memory_gib_max=total.memory_gib_max + pool.autoscaler_max * machine.memory_gib,
            gpus_max=total.gpus_max + pool.autoscaler_max * machine.gpus,
        )
    return total
