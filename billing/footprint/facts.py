"""A runtime's day as footprints take it from the usage store's rows. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from billing.footprint.carbon import Activity
from billing.footprint.ports import Held
from billing.footprint.split import Measured
from billing.pricing.money import split

STORES = ("block_storage", "object_storage", "snapshots")
METERS = ["memory", "node", "platform_memory", "platform_vcpu", "vcpu", *STORES]
Quantities = Mapping[tuple[str, str], int]  # of observed time, by meter and dimension


@dataclass(frozen=True)
class Facts:
    """What a day held."""

    source: int
    tenant_id: UUID
    account: UUID
    plan: str
    runtime: UUID
    region: str
    alive_seconds: int
    observed_seconds: int
    cpu: Measured
    memory: Measured
    doers: tuple[int, int] | None  # processors used by work and by the platform, where known
    activity: Activity
    quantities: Quantities

    @property
    def own_nodes(self) -> Quantities:
        """What the platform's own nodes are, as if a tenant had ordered them: for their price."""
        found = {
            (meter, ""): self.quantities.get((f"platform_{meter}", ""), 0) for meter in ("memory", "vcpu")
        }
        return {key: quantity for key, quantity in found.items() if quantity}

    @property
    def held(self) -> Held:
        """Whose it was."""
        return Held(self.tenant_id, self.account, self.plan, self.runtime)

    @classmethod
    def read(cls, row: Sequence[Any], vcpus: Mapping[str, int]) -> Facts:
        """Read a row of `queries.FACTS`; `vcpus` are machine types' sizes."""
        source, tenant_id, account, plan, runtime, region, provider, alive, observed, used_seconds, *rest = (
            row
        )
        (
            work_asked, work_asked_mib, work_used, work_used_mib,
            platform_asked, platform_asked_mib, platform_used, platform_used_mib,
            allocatable, allocatable_mib, written,
        ) = rest  # fmt: skip
        told = json.loads(written) if isinstance(written, str) else written
        quantities = {(meter, dimension): quantity for meter, dimension, quantity in told}
        own, own_memory = quantities.get(("platform_vcpu", ""), 0), quantities.get(("platform_memory", ""), 0)
        capacity = quantities.get(("vcpu", ""), 0) + own
        memory = quantities.get(("memory", ""), 0) + own_memory
        use = None
        if used_seconds and observed:
            # Use was told in a part of the time: it is held against the capacity of as long a part.
            use = (work_used + platform_used, capacity * used_seconds // observed)
        return cls(
            source, tenant_id, account, plan, runtime, region, alive, observed,
            Measured(capacity, allocatable, work_asked, work_used, platform_asked, platform_used, own),
            Measured(
                memory, allocatable_mib, work_asked_mib, work_used_mib, platform_asked_mib, platform_used_mib, own_memory
            ),
            (work_used, platform_used) if use else None,
            Activity(
                provider, region, processors(capacity, quantities, vcpus), memory, use,
                {meter: sum(value for (key, _), value in quantities.items() if key == meter) for meter in STORES},
            ),
            quantities,
        )  # fmt: skip


def processors(capacity: int, quantities: Quantities, vcpus: Mapping[str, int]) -> dict[str, int]:
    """Share a capacity out to machine types by their nodes and sizes; a type that nobody knows takes what is left, as ""."""
    nodes = {name: seconds for (meter, name), seconds in quantities.items() if meter == "node" and seconds}
    known = {name: seconds * vcpus[name] * 1000 for name, seconds in nodes.items() if name in vcpus}
    whole = sum(known.values())
    if not known:
        return {"": capacity}
    if whole > capacity or len(known) == len(nodes):
        names = sorted(known)
        return dict(zip(names, split(capacity, [known[name] for name in names]), strict=True))
    return {**known, "": capacity - whole}
