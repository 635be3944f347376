"""What a module is. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from provisioner.runtimes.inside import Json

NO_SETTINGS: Mapping[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
GROUP = "modules.nesoi.dev"  # of every custom resource of ours
VERSION = "v1"


@dataclass(frozen=True)
class Footprint:
    """What all replicas together request, as declared: `per_node` is for each node that it runs on."""

    cpu_millicores: int = 0
    memory_mib: int = 0
    per_node_cpu_millicores: int = 0
    per_node_memory_mib: int = 0
    replicas: int = 0

    def beyond(self, other: Footprint) -> Footprint:
        """Return what this one takes more than another."""
        mine, theirs = vars(self), vars(other)
        return Footprint(**{name: max(0, mine[name] - theirs[name]) for name in mine})

    def plus(self, other: Footprint) -> Footprint:
        """Return what both take together."""
        mine, theirs = vars(self), vars(other)
        return Footprint(**{name: mine[name] + theirs[name] for name in mine})


@dataclass(frozen=True)
class ClusterFacts:
    """What of a cluster its modules' objects depend on."""

    name: str
    provider: str
    region: str
    kubernetes_version: str
    system_pool: bool = False  # whether it has nodes of its own for the platform's components
    most_nodes: int = 0  # of all pools at their largest, and while they are replaced
    surplus: Footprint = (
        Footprint()
    )  # what its modules take more than they declare, because a release says so


@dataclass(frozen=True)
class Request:
    """What an implementation renders: a version, the settings with every default, and the cluster."""

    key: str
    implementation: str
    version: str
    settings: Mapping[str, Any]
    cluster: ClusterFacts


@dataclass(frozen=True)
class Implementation:
    """One way to fulfil a module's promise; `render` returns its objects in the order in which they are applied.

    One that is `sourced` comes from elsewhere: the promise is added to what it renders, every kind of it is looked after, and
    `footprint` is what it may take where that is more than the module declares.
    """

    title: str
    render: Callable[[Request], Sequence[Json]]
    sourced: bool = False
    footprint: Footprint = Footprint()


@dataclass(frozen=True)
class CustomKind:
    """A kind of custom resource that a module brings."""

    kind: str
    plural: str
    namespaced: bool = True
    group: str = GROUP
    version: str = VERSION

    @property
    def api_version(self) -> str:
        """The group and version that its objects name."""
        return f"{self.group}/{self.version}"


@dataclass(frozen=True)
class Module:
    """One capability of a runtime.

    `interface` is the kind of its own custom resource (one object, named `default`), None where the tenant has nothing to set;
    `data` are the kinds in which tenants write what would be lost with it. `conflicts` says for every module that can't be
    there at the same time why. `health` names the kinds whose objects must be well for the module to be. `promise` renders what
    tenants hold on to whatever stands behind it, where that is more than its kinds and its own resource.
    """

    key: str
    owner: str  # the team that answers for it
    implementations: Mapping[str, Implementation]  # the first is taken where a release names none
    requires: tuple[str, ...] = ()
    conflicts: Mapping[str, str] = field(default_factory=dict)
    schema: Mapping[str, Any] = field(
        default_factory=lambda: NO_SETTINGS
    )  # JSON Schema 2020-12 of the settings
    footprint: Footprint = Footprint()
    health: tuple[str, ...] = ("CustomResourceDefinition", "Deployment", "DaemonSet")
    interface: CustomKind | None = None
    data: tuple[CustomKind, ...] = ()
    mandatory: bool = False
    promise: Callable[[Request], Sequence[Json]] | None = None

    @property
    def first(self) -> str:
        """The implementation that is taken where a release names none."""
        return next(iter(self.implementations))

    def implementation(self, name: str) -> tuple[str, Implementation]:
        """Return the implementation of that name with its name, or the first; raises KeyError for an unknown one."""
        chosen = name or self.first
        return chosen, self.implementations[chosen]
