"""What a bundle may not hold, whatever a tenant set: asked when it is applied, and of every rendering. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from provisioner.modules.base import Module
from provisioner.modules.sources.belonging import belonging_faults, own_groups
from provisioner.modules.sources.confusing import confusion_faults
from provisioner.modules.sources.dressing import hooks_of, pod_of
from provisioner.modules.sources.faults import SourceFault, in_one_line
from provisioner.modules.sources.granting import granting_faults
from provisioner.modules.sources.intercepting import intercepting_faults
from provisioner.modules.sources.kinds import (
    REMEDIES,
    WORKLOADS,
    group_of,
    identity_of,
    is_delegation,
    scopes_of,
)
from provisioner.modules.sources.pods import pod_faults
from provisioner.modules.sources.sharing import taken_from_build
from provisioner.runtimes.inside import Json, ObjectRef

# Of an object's metadata: applied again and again it would be refused, or collected with an owner that is not there.
_WRITTEN = ("deletionTimestamp", "managedFields", "ownerReferences", "resourceVersion", "uid")


def admission_faults(
    documents: Sequence[Json], *, module: Module, places: Mapping[str, str], security: str
) -> list[SourceFault]:
    """Return why dressed objects can't be installed: kinds, places, secrets, hooks, what their pods may not be, and what of the
    cluster, the landscape, the platform and other modules they would change.

    `places` are the namespaces that they may be in, each with its Pod Security level, `security` is that of any other.
    """
    scopes = scopes_of(documents, module)
    groups = own_groups(documents, module)
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
        found += [*([] if scope else _placeless(ref)), *_content(document, ref)]
        found += [
            SourceFault("module_object_reserved", in_one_line(why))
            for why in (
                *belonging_faults(document, ref, module),
                *granting_faults(document, ref, key=module.key, groups=groups, places=places),
                *intercepting_faults(document, ref, documents=documents, groups=groups, places=places),
            )
        ]
        if document["kind"] in WORKLOADS:
            level = places.get(ref.namespace, security)
            found += pod_faults(ref, pod_of(document), restricted=level == "restricted")
    found += [_elsewhere(namespace, refs, places) for namespace, refs in astray.items()]
    found += [*taken_from_build(documents, module), *confusion_faults(documents, module)]
    return [*found, *_twice(documents)]


def _twice(documents: Sequence[Json]) -> Iterator[SourceFault]:
    counted = Counter(identity_of(document) for document in documents)
    for document in {identity_of(one): one for one in documents}.values():
        if (number := counted[identity_of(document)]) > 1:
            detail = f"{ObjectRef.of(document)} is there {number} times; one would undo the other."
            yield SourceFault("module_object_twice", detail)


def _unknown(ref: ObjectRef) -> SourceFault:
    why = REMEDIES.get(
        ref.kind, "neither Kubernetes' own kinds that modules may have nor the bundle define it"
    )
    return SourceFault("module_object_kind", f"{ref} ({ref.api_version}) can't be part of a module: {why}.")


def _placeless(ref: ObjectRef) -> Iterator[SourceFault]:
    if ref.namespace:
        detail = f"{ref} names a namespace, and its kind has none; take it out."
        yield SourceFault("module_object_place", detail)


def _elsewhere(namespace: str, refs: Sequence[ObjectRef], places: Collection[str]) -> SourceFault:
    more = f" and {len(refs) - 1} more" if len(refs) > 1 else ""
    detail = (
        f"{refs[0]}{more} would be in the namespace {namespace}; the platform's components run in {' or '.join(sorted(places))}, "
        "which are bounded, shut and told apart from the tenant's. Set the bundle to that namespace, or name in its source the "
        f"one that it was made for (`namespace: {namespace}`), so that it is moved."
    )
    return SourceFault("module_object_place", detail)


def _content(document: Mapping[str, Any], ref: ObjectRef) -> Iterator[SourceFault]:
    if written := [field for field in _WRITTEN if field in document["metadata"]]:
        detail = f"{ref} says of itself what only API servers and controllers write ({', '.join(written)}); take it out."
        yield SourceFault("module_object_invalid", detail)
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
