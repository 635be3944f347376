"""What is remembered of the modules inside a cluster from one look to the next. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from provisioner.runtimes.inside import ObjectRef


class State(StrEnum):
    """Where a module is.

    installing → installed; installed → installing (a new wish, or drift to be mended) or removing; removing → gone, or blocked
    while something of the tenant's stands in the way; blocked → removing or installing.
    """

    INSTALLING = "installing"
    INSTALLED = "installed"
    REMOVING = "removing"
    BLOCKED = "blocked"


MOVES: Mapping[State, frozenset[State]] = {
    State.INSTALLING: frozenset({State.INSTALLED, State.INSTALLING, State.REMOVING}),
    State.INSTALLED: frozenset({State.INSTALLED, State.INSTALLING, State.REMOVING}),
    State.REMOVING: frozenset({State.REMOVING, State.BLOCKED, State.INSTALLING}),
    State.BLOCKED: frozenset({State.BLOCKED, State.REMOVING, State.INSTALLING}),
}


class Health(StrEnum):
    """How a module is, as last seen."""

    UNKNOWN = "unknown"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True)
class Kept:
    """One module of one runtime; `inventory` is everything that we may have put into the cluster for it."""

    key: str
    version: str = ""
    implementation: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    state: State = State.INSTALLING
    health: Health = Health.UNKNOWN
    observed_version: str = ""  # the newest that was seen whole and well
    digest: str = ""
    inventory: tuple[ObjectRef, ...] = ()
    drift: tuple[str, ...] = ()
    message: str = ""


class Memory(Protocol):
    """Remembers one runtime's modules; written by whoever works on its newest wish, never by a late one."""

    def recall(self) -> Mapping[str, Kept]:
        """Return what is remembered, by key."""
        ...

    def keep(self, kept: Sequence[Kept], *, forget: Collection[str] = ()) -> None:
        """Remember these, and drop those that are gone."""
        ...


@dataclass
class Notebook:
    """A memory of this process alone, for whoever works on a cluster that no row stands for."""

    pages: dict[str, Kept] = field(default_factory=dict)

    def recall(self) -> Mapping[str, Kept]:
        """Return what was kept."""
        return dict(self.pages)

    def keep(self, kept: Sequence[Kept], *, forget: Collection[str] = ()) -> None:
        """Write it down."""
        self.pages.update({one.key: one for one in kept})
        for key in forget:
            self.pages.pop(key, None)
