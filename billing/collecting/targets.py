"""What is read: one target a runtime, one place a landscape. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from uuid import UUID

from provisioner.drivers.base import LandscapeAccess

SHARDS = 64
_STILL = frozenset({"ready", "updating", "upgrading"})
RESTING = frozenset({"suspending", "suspended", "resuming", "deprovisioning", "failed"})


@dataclass(frozen=True, slots=True)
class Target:
    """A runtime. `answers`: it has a cluster whose API may be asked; `asleep`: its landscape says that it hibernates."""

    runtime: UUID
    landscape: UUID
    cluster_name: str
    phase: str
    answers: bool
    asleep: bool
    modules: tuple[str, ...] = ()  # that the runtime's status says are installed
    own_nodes: tuple[tuple[str, int], ...] = ()  # of the platform, as ordered: machine type, at most so many

    @property
    def settled(self) -> bool:
        """Say whether only its life's next turn can change how it is read, which the usage store's spans tell."""
        if self.phase == "suspended":
            return self.asleep
        return self.phase in _STILL and self.answers

    @property
    def readable(self) -> bool:
        """Say whether there is anything to be seen of it."""
        return self.answers or self.asleep

    @property
    def shard(self) -> int:
        """The part of all runtimes that it belongs to."""
        return int.from_bytes(digest_of(self.runtime)[8:10]) % SHARDS

    @property
    def turn(self) -> float:
        """Where in a slot it is read, in [0, 1): even, and the same for ever."""
        return int.from_bytes(digest_of(self.runtime)[:8]) / 2**64


def digest_of(runtime: UUID) -> bytes:
    """Return ten bytes that depend on the runtime alone."""
    return blake2b(runtime.bytes, digest_size=10).digest()


@dataclass(frozen=True, slots=True)
class Place:
    """A landscape as the collector needs it."""

    id: UUID
    key: str
    kind: str
    access: LandscapeAccess
    calls_per_second: float
    asleep_control_planes: int  # how many it bills while a cluster hibernates

    @classmethod
    def of(cls, row: Any, *, timeout_seconds: float) -> Place:
        """Return the place of a landscape's row; its setting `hibernated_control_planes` is 0 unless it says 1."""
        config: Mapping[str, Any] = row.config
        return cls(
            id=row.id,
            key=row.key,
            kind=row.kind,
            access=LandscapeAccess.of(row, timeout_seconds=timeout_seconds),
            calls_per_second=row.calls_per_second,
            asleep_control_planes=1 if config.get("hibernated_control_planes") == 1 else 0,
        )
