"""The contract between what reads a runtime and what is measured of it. Pure; whole numbers only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

HOUR_SECONDS = 3600
UNKNOWN = "unknown"  # the dimension of what no label tells: measured like the rest


class Part(StrEnum):
    """Whose a namespace is: the tenant's own work, or what the platform runs in every cluster."""

    WORKLOAD = "workload"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Node:
    """A node as its cluster lists it; memory in MiB, processors in thousandths."""

    name: str
    pool: str
    machine_type: str
    zone: str
    capacity_millicores: int
    capacity_mib: int
    allocatable_millicores: int
    allocatable_mib: int
    gpus: int = 0
    gpu_model: str = ""
    public_addresses: int = 0
    platform: bool = False  # the platform's own, for its components alone: no tenant ordered it


@dataclass(frozen=True, slots=True)
class Claim:
    """A bound persistent volume claim, or a snapshot of one."""

    namespace: str
    name: str
    storage_class: str
    gib: int  # rounded up, as every provider bills


@dataclass(frozen=True, slots=True)
class Balancer:
    """A service of type LoadBalancer and how many public addresses it holds."""

    namespace: str
    name: str
    addresses: int


@dataclass(frozen=True, slots=True)
class Share:
    """What some pods ask for and use: thousandths of a core and MiB."""

    requested_millicores: int = 0
    requested_mib: int = 0
    used_millicores: int = 0
    used_mib: int = 0
    pods: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """One sight of one runtime; what its cluster did not answer is left out by an error, never by a zero."""

    at: datetime  # when it was read, UTC
    nodes: tuple[Node, ...] = ()
    claims: tuple[Claim, ...] = ()
    snapshots: tuple[Claim, ...] = ()
    balancers: tuple[Balancer, ...] = ()
    control_planes: int = 1  # 0 while a landscape bills none, as during hibernation with some providers
    modules: tuple[str, ...] = ()  # keys of what is installed
    object_gib: int = 0
    nfs_gib: int = 0
    egress_bytes: int = 0  # since the reading before, where the landscape gives it
    usage_known: bool = True  # False where the cluster serves no metrics: what the shares say is used is then not to be believed
    parts: Mapping[Part, Share] = field(default_factory=dict)
    components: Mapping[str, Share] = field(default_factory=dict)  # of the platform: one entry a component

    def nodes_of(self, *, platform: bool) -> tuple[Node, ...]:
        """Return the platform's own nodes, or those that the tenant ordered."""
        return tuple(node for node in self.nodes if node.platform is platform)


Levels = Mapping[str, int]  # {dimension: level}; the dimension is "" for a meter that has none


@dataclass(frozen=True, slots=True)
class Meter:
    """One thing that is measured.

    A level holds over time: its quantity is level x seconds, and `per_unit` of those make one billed `unit`. A counter
    counts by itself: its quantity is the sum of its readings. Dimensions (a machine type, a storage class, a module) are
    the meter's own.
    """

    title: str
    unit: str  # as FOCUS writes units: "Core-Hours", "GiB-Hours"
    base: str  # what a level counts in: "millicores", "MiB", "GiB", "bytes", "count"
    per_unit: int  # base units x seconds (of a counter: base units) in one billed unit
    levels: Callable[[Reading], Levels]
    counter: bool = False
    billed: bool = True  # no price book speaks of one that is not: it is measured for footprints
    dimension: str = ""  # what its dimensions name: "machine type", "storage class", "module"
