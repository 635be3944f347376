"""Whether two modules would bring the same object: one would undo the other's, and the first to go would take both away. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from provisioner.modules.base import ClusterFacts, Module, Request
from provisioner.modules.promising import promised
from provisioner.modules.registry import all_modules
from provisioner.modules.rendering import with_defaults
from provisioner.modules.sources.faults import SourceFault, in_one_line
from provisioner.modules.sources.kinds import CRD, identity_of
from provisioner.modules.sources.reading import entries, inner
from provisioner.runtimes.inside import Identity, Json

_SERVICES = ("apiregistration.k8s.io", "APIService", "")


@dataclass(frozen=True)
class Claims:
    """What a module has for itself, in words: its objects, and the API services that the API server makes of its definitions."""

    objects: Mapping[Identity, str]
    implied: Mapping[Identity, str]


def claims_of(documents: Iterable[Mapping[str, Any]]) -> Claims:
    """Return what these objects claim."""
    objects: dict[Identity, str] = {}
    implied: dict[Identity, str] = {}
    for document in documents:
        group, kind, place, name = identity_of(document)
        objects[group, kind, place, name] = f"{kind} {place}/{name}" if place else f"{kind} {name}"
        if kind == CRD:
            served = inner(document, "spec").get("group")
            for one in entries(document, "spec", "versions"):
                service = f"{one.get('name')}.{served}"
                implied[*_SERVICES, service] = f"APIService {service}"
    return Claims(objects, implied)


def shared(one: tuple[str, Claims], other: tuple[str, Claims]) -> Iterator[SourceFault]:
    """Yield what two modules, each by its key and its claims, would both bring; kinds of one API group may be of several."""
    (key, mine), (second, theirs) = one, other
    twice = mine.objects.keys() & (theirs.objects.keys() | theirs.implied.keys())
    for identity in sorted(twice | (mine.implied.keys() & theirs.objects.keys())):
        detail = (
            f"{mine.objects.get(identity) or mine.implied[identity]} comes with module {key} and with module {second}: one would "
            "undo the other's, and whichever goes first takes both away. Call it otherwise in one of them, or leave it out by "
            "the chart's values."
        )
        yield SourceFault("module_object_taken", in_one_line(detail))


def taken_from_build(documents: Iterable[Mapping[str, Any]], module: Module) -> Iterator[SourceFault]:
    """Yield what of a bundle another module of this build has."""
    mine = claims_of(documents)
    for key, theirs in others_of_build(module):
        yield from shared((module.key, mine), (key, claims_of(theirs)))


def others_of_build(module: Module) -> Iterator[tuple[str, Sequence[Json]]]:
    """Yield the build's modules that may be beside this one, each with its objects."""
    for key, documents in _of_build().items():
        if key != module.key and not are_apart(key, module.key):
            yield key, documents


def are_apart(one: str, other: str) -> bool:
    """Say whether two modules are never in the same runtime, whichever of them says so."""
    modules = all_modules()
    return any(
        second in modules[first].conflicts
        for first, second in ((one, other), (other, one))
        if first in modules
    )


@cache
def _of_build() -> Mapping[str, Sequence[Json]]:
    """Return what the build's modules have: their promise, and what each implementation of theirs makes by default."""
    cluster = ClusterFacts("example", "aws", "eu-central-1", "1.0.0", system_pool=True, most_nodes=3)
    found: dict[str, Sequence[Json]] = {}
    for key, module in all_modules().items():
        settings = with_defaults(module.schema, {})
        documents: list[Json] = []
        for name, implementation in module.implementations.items():
            asked = Request(key, name, "1.0.0", settings, cluster)
            documents += [*promised(module, asked), *implementation.render(asked)]
        found[key] = documents
    return found
