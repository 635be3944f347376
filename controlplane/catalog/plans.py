"""What a plan is, as frozen facts: pure, shared by schema, validation, capacity and the loader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

DEFAULT_PRICE_BOOK = "standard"


@dataclass(frozen=True)
class RegionFacts:
    """A region that a plan offers."""

    name: str
    display_name: str
    zones: tuple[str, ...]


@dataclass(frozen=True)
class MachineTypeFacts:
    """A machine type that a plan offers; `zones` is empty where every region has it in every zone."""

    name: str
    family: str
    vcpu: int
    memory_gib: Decimal
    gpus: int
    gpu_model: str
    architecture: str
    zones: Mapping[str, tuple[str, ...]]

    def zones_in(self, region: RegionFacts) -> tuple[str, ...]:
        """The zones of `region` that have this type, in the region's order."""
        if not self.zones:
            return region.zones
        known = self.zones.get(region.name, ())
        return tuple(zone for zone in region.zones if zone in known)

    @property
    def title(self) -> str:
        """One line for a list of choices, for example "m6i.xlarge (4 vCPU, 16 GiB)"."""
        gpu = f", {self.gpus} x {self.gpu_model}" if self.gpus else ""
        return f"{self.name} ({self.vcpu} vCPU, {self.memory_gib.normalize():f} GiB{gpu})"


@dataclass(frozen=True)
class ModuleFacts:
    """A module that runtimes can have."""

    key: str
    name: str
    description: str
    mandatory: bool


@dataclass(frozen=True)
class ReservedNetwork:
    """A range that a runtime's networks must leave alone, and the reason."""

    cidr: str
    reason: str


@dataclass(frozen=True)
class NetworkDefaults:
    """The networks of a runtime that names none; CIDR notation."""

    nodes: str
    pods: str
    services: str
    reserved: tuple[ReservedNetwork, ...]


@dataclass(frozen=True)
class NodeLimits:
    """Nodes of one worker pool: the two defaults, and the most that anyone may ask for."""

    minimum: int
    maximum: int
    ceiling: int


@dataclass(frozen=True)
class SystemPool:
    """Nodes of the platform's own in every runtime of a plan: no work of the tenant lands there, nor does its quota or bill."""

    machine: MachineTypeFacts
    minimum: int
    maximum: int

    def zones(self, region: RegionFacts | None, used: tuple[str, ...]) -> tuple[str, ...]:
        """Return its zones: those of the main pool that have its machine type, no more than it may have nodes."""
        offered = self.machine.zones_in(region) if region else used
        return (tuple(zone for zone in used if zone in offered) or offered)[: self.maximum]


@dataclass(frozen=True)
class PlanFacts:
    """Everything that decides whether parameters are right; the first of each list is the default."""

    key: str
    name: str
    description: str
    provider: str
    landscape_kind: str
    position: int
    state: str
    parameters: tuple[str, ...]  # optional parameters that the plan takes, besides `region`
    regions: tuple[RegionFacts, ...]
    machine_types: tuple[MachineTypeFacts, ...]
    additional_machine_types: tuple[MachineTypeFacts, ...]  # for additional worker pools only
    zones_per_pool: int
    nodes: NodeLimits
    additional_pools: int
    volume_gib: int
    networking: NetworkDefaults
    modules: tuple[ModuleFacts, ...]
    default_modules: tuple[str, ...]
    channels: tuple[str, ...]
    channel: str
    suspension: str = "hibernate"  # or destroy: what suspending a runtime means
    quota: Mapping[str, int] = field(default_factory=dict)  # of a tenant without an entitlement for it
    broker_id: str = ""  # its id in the service broker's catalog
    price_book: str = DEFAULT_PRICE_BOOK  # what its usage is priced by, where no contract says otherwise
    system_pool: SystemPool | None = None  # None: the platform's components share the tenant's nodes

    def region(self, name: str) -> RegionFacts | None:
        """The region of that name, if the plan has it."""
        return next((region for region in self.regions if region.name == name), None)

    def machine_type(self, name: str) -> MachineTypeFacts | None:
        """The machine type of that name, for any pool, if the plan has it."""
        every = self.machine_types + self.additional_machine_types
        return next((machine for machine in every if machine.name == name), None)

    @property
    def pool_machine_types(self) -> tuple[MachineTypeFacts, ...]:
        """What additional worker pools may use."""
        return self.machine_types + self.additional_machine_types

    def takes(self, parameter: str) -> bool:
        """Whether a request may name that top-level parameter."""
        return parameter == "region" or parameter in self.parameters


@dataclass(frozen=True)
class ReleaseFacts:
    """What a channel points to: Kubernetes minor and patch, machine image, versions of modules; and where it is in its life."""

    key: str
    kubernetes_version: str
    kubernetes_patch: str
    machine_image: Mapping[str, Any]  # {"name", "version", "architectures"}
    modules: Mapping[str, str]
    notes: str = ""
    known_issues: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()  # releases that a runtime must have passed before
    published_at: datetime | None = None  # None: a draft, which nobody can be brought to
    end_of_life: date | None = None  # its own, or its Kubernetes version's, whichever comes first
    withdrawn: str = ""  # why nobody is brought to it any more; empty: it is not withdrawn
    published_by: str = ""


def machine_type_facts(row: Mapping[str, Any]) -> MachineTypeFacts:
    """From a row of the table or an entry of the file, which name their fields alike."""
    zones = row.get("zones") or {}
    return MachineTypeFacts(
        name=row["name"],
        family=row["family"],
        vcpu=row["vcpu"],
        memory_gib=Decimal(str(row["memory_gib"])),
        gpus=row.get("gpus", 0),
        gpu_model=row.get("gpu_model", ""),
        architecture=row.get("architecture", "amd64"),
        zones={region: tuple(names) for region, names in zones.items()},
    )


def plan_facts(
    definition: Mapping[str, Any],
    *,
    regions: Iterable[Mapping[str, Any]],
    machine_types: Iterable[Mapping[str, Any]],
    modules: Iterable[Mapping[str, Any]],
    channels: Iterable[str],
) -> PlanFacts:
    """Join a definition with rows of its provider's regions and machine types; KeyError on a dangling name."""
    by_region = {row["name"]: row for row in regions}
    by_machine = {row["name"]: row for row in machine_types}
    return PlanFacts(
        **{key: definition[key] for key in ("key", "name", "description", "provider", "landscape_kind")},
        **{key: definition[key] for key in ("position", "zones_per_pool", "additional_pools", "volume_gib")},
        state=definition.get("state", "active"),
        parameters=tuple(definition["parameters"]),
        regions=tuple(
            RegionFacts(name, by_region[name]["display_name"], tuple(by_region[name]["zones"]))
            for name in definition["regions"]
        ),
        machine_types=tuple(machine_type_facts(by_machine[name]) for name in definition["machine_types"]),
        additional_machine_types=tuple(
            machine_type_facts(by_machine[name]) for name in definition["additional_machine_types"]
        ),
        nodes=NodeLimits(**definition["nodes"]),
        networking=_network_defaults(definition["networking"]),
        modules=tuple(
            ModuleFacts(row["key"], row["name"], row["description"], row.get("mandatory", False))
            for row in modules
        ),
        default_modules=tuple(definition["default_modules"]),
        channels=tuple(channels),
        channel=definition["channel"],
        suspension=definition.get("suspension", "hibernate"),
        quota=definition.get("quota", {}),
        broker_id=definition.get("broker_id", ""),  # a row loaded before there was one
        price_book=definition.get("price_book", DEFAULT_PRICE_BOOK),
        system_pool=_system_pool(definition.get("system_pool"), by_machine),
    )


def _system_pool(
    said: Mapping[str, Any] | None, machines: Mapping[str, Mapping[str, Any]]
) -> SystemPool | None:
    if said is None:
        return None
    return SystemPool(machine_type_facts(machines[said["machine_type"]]), said["minimum"], said["maximum"])


def _network_defaults(networking: Mapping[str, Any]) -> NetworkDefaults:
    return NetworkDefaults(
        **{key: networking[key] for key in ("nodes", "pods", "services")},
        reserved=tuple(ReservedNetwork(**entry) for entry in networking["reserved"]),
    )
