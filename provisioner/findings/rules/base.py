"""What a rule is, what it looks at and what it finds. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from provisioner.runtimes.inside import Json, ObjectRef


class Kind(NamedTuple):
    """One kind of object, by the version in which it is read."""

    api_version: str
    kind: str


class Severity(StrEnum):
    """How much it matters."""

    INFO = "info"  # worth knowing
    WARNING = "warning"  # breaks the rule; an upgrade goes on
    BLOCKING = "blocking"  # an upgrade would stop at it, so none is begun


class Audience(StrEnum):
    """Who can do something about it."""

    TENANT = "tenant"
    SRE = "sre"


@dataclass(frozen=True)
class Finding:
    """One object that breaks a rule; sentences are whole, and the remedy says what to do."""

    object: ObjectRef
    severity: Severity
    sentence: str
    remedy: str
    audience: Audience = Audience.TENANT
    from_version: str = ""  # the Kubernetes minor from which it counts; empty: now


@dataclass(frozen=True)
class Look:
    """What was read of one runtime in one go, and what the platform put there itself."""

    at: datetime
    kubernetes_version: str  # 1.34.2
    objects: Mapping[Kind, Sequence[Json]]
    wanted: Sequence[Json] = ()  # the platform's own objects as they are to be
    kept: frozenset[ObjectRef] = frozenset()  # names of what else of ours is there still: on its way out
    cut: frozenset[Kind] = field(default_factory=frozenset)  # of which there was more than was read

    def each(self, *kinds: Kind) -> Iterator[tuple[ObjectRef, Json]]:
        """Yield the objects of these kinds, with their names: in lists, objects don't say what they are."""
        for kind in kinds:
            for live in self.objects.get(kind, ()):
                metadata = live["metadata"]
                yield (
                    ObjectRef(kind.api_version, kind.kind, metadata["name"], metadata.get("namespace") or ""),
                    live,
                )

    @cached_property
    def ours(self) -> frozenset[ObjectRef]:
        """The names of everything that the platform put there."""
        return self.kept | {ObjectRef.of(document) for document in self.wanted}


@dataclass(frozen=True)
class Rule:
    """One rule: `reads` are the kinds that it needs; `title` names the group of its findings."""

    title: str
    explains: str  # why it matters, for people
    reads: tuple[Kind, ...]
    check: Callable[[Look], Iterable[Finding]]
    blocks: bool = False  # whether any of its findings may keep an upgrade from being begun
