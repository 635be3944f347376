"""How much something counts, and whether it fits into what is granted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from controlplane.catalog.plans import PlanFacts


@dataclass(frozen=True)
class Size:
    """What a runtime counts for: its pools at their largest."""

    runtimes: int = 0
    vcpu: int = 0
    memory_gib: Decimal = Decimal(0)
    gpus: int = 0

    def __add__(self, other: Size) -> Size:
        return Size(*(getattr(self, name) + getattr(other, name) for name in DIMENSIONS))

    def __sub__(self, other: Size) -> Size:
        return Size(*(getattr(self, name) - getattr(other, name) for name in DIMENSIONS))

    @property
    def grows(self) -> bool:
        """Whether it takes more of anything."""
        return any(getattr(self, name) > 0 for name in DIMENSIONS)


DIMENSIONS = tuple(field.name for field in fields(Size))
WORDS = {"runtimes": "runtimes", "vcpu": "vCPUs", "memory_gib": "GiB of memory", "gpus": "GPUs"}


@dataclass(frozen=True)
class Bounds:
    """What is granted; None is without bound, no region means all of them."""

    runtimes: int | None = None
    vcpu: int | None = None
    memory_gib: Decimal | None = None
    gpus: int | None = None
    regions: tuple[str, ...] = ()

    def exceeded(self, used: Size, more: Size) -> str:
        """Return the first dimension that `more` grows beyond what is granted, or an empty text."""
        for name in DIMENSIONS:
            bound, added = getattr(self, name), getattr(more, name)
            if bound is not None and added > 0 and getattr(used, name) + added > bound:
                return name
        return ""

    def allows(self, region: str) -> bool:
        """Whether the region is among the granted ones."""
        return not self.regions or region in self.regions


def default_bounds(facts: PlanFacts) -> Bounds:
    """Return what a tenant may have of a plan without an entitlement for it."""
    quota = facts.quota
    memory = quota.get("memory_gib")
    return Bounds(
        runtimes=quota.get("runtimes"),
        vcpu=quota.get("vcpu"),
        memory_gib=None if memory is None else Decimal(memory),
        gpus=quota.get("gpus"),
    )


def size_of(cluster: Mapping[str, Any], facts: PlanFacts) -> Size:
    """Return what a cluster (the JSON of a `ClusterSpec`) counts for; a machine type that the plan lost counts for nothing.

    Nor do the platform's own nodes: a quota says what a tenant may order, and nobody orders those.
    """
    pools: Iterable[Mapping[str, Any]] = cluster.get("pools") or ()
    total = Size(runtimes=1)
    for pool in pools:
        machine, most = facts.machine_type(pool["machine_type"]), int(pool["maximum"])
        if machine is not None and not pool.get("platform"):
            total += Size(0, most * machine.vcpu, most * machine.memory_gib, most * machine.gpus)
    return total


def shown(name: str, value: Decimal | int) -> str:
    """Return a number with its unit, for people."""
    return f"{Decimal(value).normalize():f} {WORDS[name]}"
