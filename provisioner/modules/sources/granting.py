"""What a bundle would let others do: rights for people and strangers, ways into other modules' pods. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from provisioner.modules.objects import MODULE
from provisioner.modules.sources.kinds import LANDSCAPE, is_delegation
from provisioner.modules.sources.reading import entries, inner, listed, texts
from provisioner.modules.sources.selectors import asked_labels
from provisioner.runtimes.inside import ObjectRef

_AGGREGATED = "rbac.authorization.k8s.io/aggregate-to-"
_BY_TENANTS = ("admin", "edit", "view")  # which people and their work have
_BINDINGS = ("ClusterRoleBinding", "RoleBinding")


def granting_faults(
    document: Mapping[str, Any], ref: ObjectRef, *, key: str, groups: Collection[str], places: Collection[str]
) -> Iterator[str]:
    """Yield in sentences what an object gives to others; `groups` are the API groups that the bundle brings itself."""
    if ref.kind == "ClusterRole":
        yield from _aggregation(document, ref, groups)
    if ref.kind in _BINDINGS:
        yield from _subjects(document, ref, places)
    if ref.kind == "NetworkPolicy" and not _is_aimed(document, key):
        yield (
            f"{ref} is for every pod of the platform (spec.podSelector), and would open its network to them all; let it select "
            "the bundle's own by a label."
        )
    if ref.kind == "Service" and listed(document, "spec", "externalIPs"):
        yield f"{ref} takes what others send to addresses outside (spec.externalIPs); leave them out."


def _aggregation(document: Mapping[str, Any], ref: ObjectRef, groups: Collection[str]) -> Iterator[str]:
    """What a role adds to those that tenants have may be about the bundle's own kinds, and nothing else."""
    labels = inner(document, "metadata", "labels")
    widened = [role for role in _BY_TENANTS if str(labels.get(_AGGREGATED + role)).lower() == "true"]
    foreign = {
        group or "core"
        for rule in entries(document, "rules")
        for group in [*texts(rule, "apiGroups"), *texts(rule, "nonResourceURLs")]
        if group not in groups
    }
    if widened and (foreign or "aggregationRule" in document):
        named = ", ".join(sorted(foreign)[:3]) or "other roles"
        yield (
            f"{ref} widens the roles {', '.join(widened)} that tenants have by what is not the bundle's own ({named}); take the "
            f"labels {_AGGREGATED}… away, or keep its rules to the kinds that it brings."
        )


def _subjects(document: Mapping[str, Any], ref: ObjectRef, places: Collection[str]) -> Iterator[str]:
    for subject in entries(document, "subjects"):
        # Without a namespace, an account is one of where the binding is.
        if why := _stranger({"namespace": ref.namespace, **subject}, places):
            yield f"{ref} gives rights to {why}; name an account of the bundle's own."
            return
    role = inner(document, "roleRef")
    if ref.namespace == LANDSCAPE and is_delegation(document) and role.get("kind") != "Role":
        yield f"{ref} names a {role.get('kind')} for what is a Role of {LANDSCAPE}; name that."


def _stranger(subject: Mapping[str, Any], places: Collection[str]) -> str:
    """Return who it is, empty for an account of the bundle's own."""
    kind, name, namespace = (str(subject.get(field) or "") for field in ("kind", "name", "namespace"))
    if kind != "ServiceAccount":
        return f"the {kind.lower() or 'subject'} {name}, whom the tenant lets in or nobody does"
    if (namespace, name) == (LANDSCAPE, "horizontal-pod-autoscaler"):
        return ""  # Kubernetes' own, which asks whoever brings metrics
    if namespace not in places:
        return f"an account in {f'the namespace {namespace}' if namespace else 'no namespace'}, where none of it is"
    return (
        f"{namespace}/default, the account of everything there that names none" if name == "default" else ""
    )


def _is_aimed(document: Mapping[str, Any], key: str) -> bool:
    """Say whether a policy asks its pods for a label that not all have, and not for another module's."""
    asked = asked_labels(inner(document, "spec", "podSelector"))
    return bool(asked) and all(name != MODULE or values == [key] for name, values in asked)
