"""Whether a bundle's pods and those of the build's other modules would be taken for one another: they share a namespace. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from provisioner.modules.base import Module
from provisioner.modules.sources.dressing import pod_of
from provisioner.modules.sources.faults import SourceFault, in_one_line
from provisioner.modules.sources.kinds import WORKLOADS
from provisioner.modules.sources.reading import inner
from provisioner.modules.sources.selectors import selects
from provisioner.modules.sources.sharing import others_of_build
from provisioner.runtimes.inside import Json, ObjectRef

Others = Sequence[tuple[str, Sequence[Json]]]
# Where an object says which pods it is about.
_SELECTORS: Mapping[str, tuple[str, ...]] = {
    "NetworkPolicy": ("spec", "podSelector"),
    "PodDisruptionBudget": ("spec", "selector"),
}


def confusion_faults(documents: Sequence[Json], module: Module) -> Iterator[SourceFault]:
    """Yield what of a bundle is about the pods of another module of the build, or would have its own pods be that module's."""
    yield from confused(documents, list(others_of_build(module)))


def confused(documents: Iterable[Json], others: Others) -> Iterator[SourceFault]:
    """Yield what of these objects is about pods of others, each by its module's key, or has pods that are taken for theirs."""
    for document in documents:
        for why in (*_reached(document, others), *_mistaken(document, others), *_scaled(document, others)):
            yield SourceFault("module_object_reserved", in_one_line(f"{ObjectRef.of(document)} {why}"))


def is_about_pods(document: Mapping[str, Any]) -> bool:
    """Say whether an object has pods, or picks some."""
    return document["kind"] in WORKLOADS or document["kind"] in (
        "Service",
        "HorizontalPodAutoscaler",
        *_SELECTORS,
    )


def _reached(document: Mapping[str, Any], others: Others) -> Iterator[str]:
    if document["kind"] not in _SELECTORS:
        return
    selector = inner(document, *_SELECTORS[document["kind"]])
    for key, theirs in others:
        if any(selects(selector, _labels(one)) for one in _beside(document, theirs) if _labels(one)):
            yield f"selects the pods of module {key}, too; let it select the bundle's own by a label that no other has."
            return


def _mistaken(document: Mapping[str, Any], others: Others) -> Iterator[str]:
    labels = _labels(document)
    for key, theirs in others if labels else ():
        for one in _beside(document, theirs):
            if selects(_selector(one), labels) and _selector(one):
                yield (
                    f"has pods with the labels that {ObjectRef.of(one)} of module {key} asks for, which would take them for its "
                    "own; label them otherwise."
                )
                return


def _scaled(document: Mapping[str, Any], others: Others) -> Iterator[str]:
    target = (
        inner(document, "spec", "scaleTargetRef") if document["kind"] == "HorizontalPodAutoscaler" else {}
    )
    for key, theirs in others if target else ():
        if any(
            (one["kind"], one["metadata"]["name"]) == (target.get("kind"), target.get("name"))
            for one in _beside(document, theirs)
        ):
            yield f"scales the {target['kind']} {target['name']} of module {key}; leave it out."


def _beside(document: Mapping[str, Any], theirs: Sequence[Json]) -> Iterator[Json]:
    """Yield what is in the same namespace: what selects pods reaches no further."""
    place = document["metadata"].get("namespace")
    yield from (one for one in theirs if one["metadata"].get("namespace") == place)


def _labels(document: Mapping[str, Any]) -> Json:
    """Return the labels of a workload's pods."""
    template = pod_of(document) if document["kind"] in WORKLOADS else None
    return inner(template, "metadata", "labels")


def _selector(document: Mapping[str, Any]) -> Json:
    if document["kind"] == "Service":
        return (
            {"matchLabels": inner(document, "spec", "selector")}
            if inner(document, "spec", "selector")
            else {}
        )
    return inner(document, *_SELECTORS[document["kind"]]) if document["kind"] in _SELECTORS else {}
