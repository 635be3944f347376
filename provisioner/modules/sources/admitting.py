"""What a bundle may not hold, whatever a tenant set: asked when it is applied, and of every rendering. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from provisioner.modules.base import GROUP, Module
from provisioner.modules.objects import OURS
from provisioner.modules.sources.dressing import hooks_of, pod_of
from provisioner.modules.sources.faults import SourceFault
from provisioner.modules.sources.kinds import (
    CRD,
    REMEDIES,
    WORKLOADS,
    group_of,
    is_delegation,
    scopes_of,
)
from provisioner.modules.sources.pods import pod_faults
from provisioner.runtimes.inside import Json, ObjectRef


def admission_faults(
    documents: Sequence[Json], *, module: Module, places: Collection[str], security: str
) -> list[SourceFault]:
    """Return why dressed objects can't be installed: kinds, places, names, secrets, hooks, and what their pods may not be."""
    scopes = scopes_of(documents, module)
    found: list[SourceFault] = []
    astray: dict[str, list[ObjectRef]] = defaultdict(list)
    for document in documents:
        ref = ObjectRef.of(document)
        scope = scopes.get((group_of(document), document["kind"]))
        if scope is None:
            found.append(_unknown(ref))
            continue
        if scope and ref.namespace not in places and not is_delegation(document):
            astray[ref.namespace].append(ref)
        found += [*([] if scope else _name(ref)), *_content(document, ref, module)]
        if document["kind"] in WORKLOADS:
            found += pod_faults(ref, pod_of(document), restricted=security == "restricted")
    found += [_elsewhere(namespace, refs, places) for namespace, refs in astray.items()]
    counted = Counter(ObjectRef.of(document) for document in documents)
    found += [
        SourceFault("module_object_twice", f"{ref} is there {number} times; one would undo the other.")
        for ref, number in counted.items()
        if number > 1
    ]
    return found


def _unknown(ref: ObjectRef) -> SourceFault:
    why = REMEDIES.get(
        ref.kind, "neither Kubernetes' own kinds that modules may have nor the bundle define it"
    )
    return SourceFault("module_object_kind", f"{ref} ({ref.api_version}) can't be part of a module: {why}.")


def _name(ref: ObjectRef) -> Iterator[SourceFault]:
    """Yield what is wrong with the name of an object that lives in no namespace."""
    if ref.namespace:
        detail = f"{ref} names a namespace, and its kind has none; take it out."
        yield SourceFault("module_object_place", detail)
    if ref.name.startswith("nesoi-"):
        detail = f"{ref} has a name that begins as the platform's own do; call it otherwise."
        yield SourceFault("module_object_place", detail)


def _elsewhere(namespace: str, refs: Sequence[ObjectRef], places: Collection[str]) -> SourceFault:
    more = f" and {len(refs) - 1} more" if len(refs) > 1 else ""
    detail = (
        f"{refs[0]}{more} would be in the namespace {namespace}; the platform's components run in {' or '.join(sorted(places))}, "
        "which are bounded, shut and told apart from the tenant's. Set the bundle to that namespace, or name in its source the "
        f"one that it was made for (`namespace: {namespace}`), so that it is moved."
    )
    return SourceFault("module_object_place", detail)


def _content(document: Mapping[str, Any], ref: ObjectRef, module: Module) -> Iterator[SourceFault]:
    if hooks := hooks_of(document):
        detail = (
            f"{ref} is a hook of Helm ({', '.join(sorted(hooks))}): objects are applied here and stay, nothing is run "
            "in between. Switch it off by the chart's values."
        )
        yield SourceFault("module_object_hook", detail)
    if ref.kind == "Secret" and (document.get("data") or document.get("stringData")):
        detail = (
            f"{ref} holds data: what is in the catalogue is no secret. Let the component make it, or name one that is there; "
            "switch it off by the chart's values."
        )
        yield SourceFault("module_object_secret", detail)
    if ref.kind == "NetworkPolicy" and ref.namespace in OURS and ref.name == "default-deny":
        yield SourceFault("module_object_place", f"{ref} is the platform's own; call it otherwise.")
    if ref.kind == CRD and ref.name.endswith(f".{GROUP}"):
        kinds = (*module.data, *([module.interface] if module.interface else []))
        if ref.name not in {f"{kind.plural}.{kind.group}" for kind in kinds}:
            detail = f"{ref} is in the platform's own group {GROUP}; take a group of your own."
            yield SourceFault("module_object_place", detail)
