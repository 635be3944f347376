"""What a bundle may not hold, whatever a tenant set: asked when it is applied, and of every rendering. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from provisioner.modules.base import GROUP, Module
from provisioner.modules.objects import OURS
from provisioner.modules.sources.dressing import hooks_of, pod_of
from provisioner.modules.sources.faults import SourceFault
from provisioner.modules.sources.kinds import CRD, REMEDIES, WORKLOADS, group_of, scopes_of
from provisioner.modules.sources.pods import pod_faults
from provisioner.runtimes.inside import Json, ObjectRef

# A reader of the API server's own settings, as every extension of it needs it there.
_DELEGATION = "extension-apiserver-authentication-reader"


def admission_faults(
    documents: Sequence[Json], *, module: Module, places: Collection[str], security: str
) -> list[SourceFault]:
    """Return why dressed objects can't be installed: kinds, places, names, secrets, hooks, and what their pods may not be."""
    scopes = scopes_of(documents, module)
    found = []
    for document in documents:
        ref = ObjectRef.of(document)
        scope = scopes.get((group_of(document), document["kind"]))
        if scope is None:
            found.append(_unknown(ref))
            continue
        found += [*_place(document, ref, places, namespaced=scope), *_content(document, ref, module)]
        if document["kind"] in WORKLOADS:
            found += pod_faults(ref, pod_of(document), restricted=security == "restricted")
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


def _place(
    document: Mapping[str, Any], ref: ObjectRef, places: Collection[str], *, namespaced: bool
) -> Iterator[SourceFault]:
    if not namespaced:
        if ref.namespace:
            detail = f"{ref} names a namespace, and its kind has none; take it out."
            yield SourceFault("module_object_place", detail)
        if ref.name.startswith("nesoi-"):
            detail = f"{ref} has a name that begins as the platform's own do; call it otherwise."
            yield SourceFault("module_object_place", detail)
        return
    if ref.namespace in places or _is_delegation(document, ref):
        return
    detail = (
        f"{ref} would be in the namespace {ref.namespace}; the platform's components run in {' or '.join(sorted(places))}, which "
        "are bounded, shut and told apart from the tenant's. Set the bundle to that namespace."
    )
    yield SourceFault("module_object_place", detail)


def _is_delegation(document: Mapping[str, Any], ref: ObjectRef) -> bool:
    role = document.get("roleRef") or {}
    return (ref.kind, ref.namespace, role.get("name")) == ("RoleBinding", "kube-system", _DELEGATION)


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
