"""What the catalog wants to know from rooms above it: whether runtimes still use what is about to go.

The provisioner fills `in_use` at start-up: `ports.in_use = its_function`. Read it through the module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from controlplane.catalog.sourced import SourcedVersion

Kind = Literal[
    "plan", "region", "machine_type", "zone", "kubernetes_version", "release", "module", "module_version"
]


@dataclass(frozen=True)
class Removal:
    """One thing that would no longer be offered.

    `key` is the plan's key, the region's, machine type's or module's name, the Kubernetes minor, or the release's key;
    of a zone it is "region/zone", of a module's version "module/implementation@version". `plan` is set where only that plan
    stops offering it, `provider` for regions, zones and machine types. A module removed from the catalog has no plan.
    """

    kind: Kind
    key: str
    plan: str = ""
    provider: str = ""

    def __str__(self) -> str:
        of = f" of plan {self.plan}" if self.plan else f" of {self.provider}" if self.provider else ""
        return f"{self.kind.replace('_', ' ')} {self.key}{of}"


Removals = tuple[Removal, ...]


@dataclass(frozen=True)
class Stranded:
    """A removal that live runtimes stand on: how many, and the names of a few."""

    removal: Removal
    runtimes: int
    examples: tuple[str, ...] = ()


def nothing_in_use(_: Removals) -> list[Stranded]:
    """The answer of an installation without a provisioner."""
    return []


@dataclass(frozen=True)
class ModuleFault:
    """Why a release's or a plan's modules can't be installed: a stable code, the module it is about, and a sentence."""

    code: str
    module: str
    detail: str


def no_faults(_: Any) -> list[ModuleFault]:
    """The answer of an installation that installs no modules."""
    return []


@dataclass(frozen=True)
class SourceReview:
    """What was found in a fetched bundle: why it can't be installed, and what would come, for whoever applies it."""

    faults: tuple[ModuleFault, ...] = ()
    summary: tuple[str, ...] = ()


def no_review(_version: SourcedVersion, _content: bytes, _kubernetes: Sequence[str]) -> SourceReview:
    """The answer of an installation that installs no modules."""
    return SourceReview()


def nothing_shared(_brought: Sequence[tuple[SourcedVersion, bytes]], _kubernetes: str) -> list[ModuleFault]:
    """The answer of an installation that installs no modules."""
    return []


# What is wrong with the modules of a release, or of a plan's own set, asked when files are reviewed.
release_faults: Callable[[Mapping[str, str]], list[ModuleFault]] = no_faults
module_faults: Callable[[Sequence[str]], list[ModuleFault]] = no_faults

# Whether a fetched bundle can be installed on each of these Kubernetes versions. Outside any transaction; may take seconds.
review_source: Callable[[SourcedVersion, bytes, Sequence[str]], SourceReview] = no_review

# Which objects two modules of one release would both bring, as the versions of a release and its Kubernetes version make them.
shared_objects: Callable[[Sequence[tuple[SourcedVersion, bytes]], str], list[ModuleFault]] = nothing_shared

# Called inside the transaction of an apply: read only, no network, one answer per removal that strands someone.
in_use: Callable[[Removals], list[Stranded]] = nothing_in_use
