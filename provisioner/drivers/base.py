"""The contract between the control plane and a kind of landscape. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from controlplane.kernel.errors import Audience
from provisioner.runtimes.inside import ClusterApi
from provisioner.runtimes.spec import ClusterSpec

CLUSTER_MISSING = "cluster_missing"  # the code of a change to a cluster that is not there


class Situation(StrEnum):
    """Where a cluster stands relative to what is wanted."""

    ABSENT = "absent"
    CHANGING = "changing"
    READY = "ready"  # the newest wish is fulfilled and the cluster is healthy
    UNHEALTHY = "unhealthy"  # the newest wish is fulfilled, but a condition is not
    FAILED = "failed"  # the landscape gave up, or says that it can't


class Role(StrEnum):
    """What a minted kubeconfig may do, in Kubernetes' own words."""

    ADMIN = "admin"
    EDIT = "edit"  # everything but roles and their bindings
    VIEW = "view"


@dataclass(frozen=True)
class ClusterRef:
    """Names a cluster in its landscape, and whose it must be: a cluster of another owner counts as absent.

    An empty `owner` takes whatever bears the name.
    """

    name: str
    owner: str = ""  # the runtime's id


@dataclass(frozen=True)
class Fault:
    """What a landscape reports against a cluster."""

    code: str  # the landscape's own, for example ERR_INFRA_QUOTA_EXCEEDED
    message: str
    passing: bool  # worth waiting for: the landscape or time may mend it
    audience: Audience = Audience.SRE


@dataclass(frozen=True)
class Condition:
    """One health condition as the landscape reports it."""

    type: str
    status: str  # True, False, Unknown, Progressing
    message: str = ""
    since: str = ""  # RFC 3339


@dataclass(frozen=True)
class Observed:
    """One sight of one cluster."""

    name: str
    situation: Situation
    generation: int = 0  # of the owner's tag: which wish the landscape has fulfilled or is working on
    progress: int = 0  # percent of what it is doing
    activity: str = ""  # what it is doing, in the landscape's words: "Create: waiting for the network"
    kubernetes_version: str = ""
    api_endpoint: str = ""
    hibernated: bool = False
    conditions: tuple[Condition, ...] = ()
    faults: tuple[Fault, ...] = ()
    owner: Mapping[str, str] = field(default_factory=dict)  # our own tags: runtime, operation, generation
    version: str = ""  # the landscape's resourceVersion
    shape: str = ""  # changes whenever what the landscape is told to build does, whoever told it
    told: Mapping[str, Any] = field(
        default_factory=dict, compare=False, repr=False
    )  # that itself; never kept
    tagged: bool = field(default=True, compare=False)  # whether the watch still finds it; never kept
    foreign: bool = field(default=False, compare=False)  # another installation's than ours; never kept

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values without what is never kept; for 10,000 at a relist, so no generic walk over fields."""
        kept = vars(self).copy()
        del kept["told"], kept["tagged"], kept["foreign"]
        return {
            **kept,
            "situation": self.situation.value,
            "conditions": [dict(vars(condition)) for condition in self.conditions],
            "faults": [{**vars(fault), "audience": fault.audience.value} for fault in self.faults],
            "owner": dict(self.owner),
        }


@dataclass(frozen=True)
class Kubeconfig:
    """A short-lived credential: handed on, never stored."""

    yaml: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class Cursor:
    """Where a watch left off."""

    version: str


class EventType(StrEnum):
    """What a watch tells."""

    SEEN = "seen"  # there and as described
    GONE = "gone"
    BOOKMARK = "bookmark"  # nothing new up to this version
    RELIST_BEGIN = (
        "relist_begin"  # a full list of this version follows as SEEN events, maybe after one that broke off
    )
    RELIST_END = "relist_end"  # whatever was not seen since RELIST_BEGIN is gone


@dataclass(frozen=True)
class Event:
    """One message of a watch."""

    type: EventType
    version: str
    observed: Observed | None = None
    at: str = ""  # when it happened, as far as the landscape says: RFC 3339, in whole seconds; empty in lists


class Driver(Protocol):
    """One kind of landscape. Calls converge and return at once; they never wait and never import Django.

    Every call raises `Retry` for a passing fault (`landscape_fault=True` when the landscape itself does not answer) and `Fatal`
    for a lasting one, with the audience that can act on it.
    """

    def ensure(self, cluster: ClusterSpec) -> Observed:
        """Create or change the cluster until it matches; the answer is what is there now."""
        ...

    def change(self, cluster: ClusterSpec) -> Observed:
        """Change the cluster until it matches, and never make one; raises Fatal (CLUSTER_MISSING) where there is none."""
        ...

    def ensure_absent(self, cluster: ClusterRef) -> Observed:
        """Ask for removal, again and again if need be; ABSENT once nothing is left."""
        ...

    def observe(self, cluster: ClusterRef) -> Observed:
        """Look once."""
        ...

    def drift(self, cluster: ClusterSpec, seen: Observed) -> Sequence[str]:
        """Name what of a sight is ours to say and not as wanted; calls nobody. Raises Fatal for a wish that can't be said."""
        ...

    def watch(self, since: Cursor | None) -> Iterator[Event]:
        """Follow the landscape from `since`, relisting when that is too old; ends when the connection does."""
        ...

    def inventory(self) -> Sequence[Observed]:
        """List every cluster that we made, those too that lost the tag by which the watch finds them (not `tagged`), and
        those of another installation of ours in the same place (`foreign`).
        """
        ...

    def credentials(self, cluster: ClusterRef, *, ttl: timedelta, role: Role) -> Kubeconfig:
        """Mint a short-lived kubeconfig."""
        ...

    def grant(self, cluster: ClusterRef, *, name: str, role: Role, ttl: timedelta) -> Kubeconfig:
        """Mint one for a service account of its own, made or changed to have exactly this role; `name` is a DNS label."""
        ...

    def revoke(self, cluster: ClusterRef, *, name: str) -> None:
        """End what was granted under this name, tokens included; a cluster or name that is not there is fine."""
        ...

    def probe(self, cluster: ClusterRef) -> int:
        """Return how many Ready nodes the cluster's own API lists, using a credential minted for this call."""
        ...

    def apply(self, cluster: ClusterRef, objects: Sequence[Mapping[str, Any]]) -> None:
        """Apply Kubernetes objects inside the cluster, in their order, using one credential minted for this call.

        Server-side, under our own field manager: what we said before and say no more goes, what others own stays theirs unless
        we say it too. Doing it again changes nothing.
        """
        ...

    def inside(self, cluster: ClusterRef, *, role: Role = Role.ADMIN) -> AbstractContextManager[ClusterApi]:
        """Lend the cluster's own API, over one connection and with one credential minted for it; both end with the block.

        Objects are applied as `apply` does, under the same field manager.
        """
        ...


@dataclass(frozen=True)
class LandscapeAccess:
    """What a driver is given to reach its landscape."""

    key: str
    config: Mapping[str, Any]
    credentials_path: str  # a mounted file; empty where they are stored
    timeout_seconds: float = 10.0
    sealed: bytes = field(default=b"", repr=False)  # stored credentials, as kernel.sealing seals them
    sealed_context: str = ""
    credentials: str = field(default="", repr=False)  # opened by the registry; drivers read these or the file

    @classmethod
    def of(cls, landscape: Any, *, timeout_seconds: float) -> LandscapeAccess:
        """Return the access that a landscape's row holds."""
        return cls(
            key=landscape.key,
            config=landscape.config,
            credentials_path=landscape.credentials_path,
            timeout_seconds=timeout_seconds,
            sealed=bytes(landscape.credentials_sealed),
            sealed_context=landscape.credentials_context,
        )


class DriverFactory(Protocol):
    """A driver file exports `connect`: the plug-in loader finds it by the file's name."""

    def __call__(self, access: LandscapeAccess) -> Driver:
        """Return a driver for one landscape; connections are kept and shared by threads."""
        ...
