"""What a bundle would do to requests that are none of its business: those about the platform, the landscape and nodes. Pure.

A webhook or policy that looks at them could change what they are, and nothing of a cluster comes up again once nobody answers it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from provisioner.modules.objects import DRIVERS, LANDSCAPES, OURS
from provisioner.modules.sources.groups import owner_of_group
from provisioner.modules.sources.kinds import CRD
from provisioner.modules.sources.reading import entries, inner, texts
from provisioner.modules.sources.selectors import asked_labels, selects
from provisioner.runtimes.inside import Json, ObjectRef

_NAME = "kubernetes.io/metadata.name"
_LEVELS = ("pod-security.kubernetes.io/enforce", "pod-security.kubernetes.io/warn")
_KEPT = (*LANDSCAPES, *OURS)
_WIDE = frozenset(
    {
        "apiservices",
        "certificatesigningrequests",
        "clusterrolebindings",
        "clusterroles",
        "csidrivers",
        "csinodes",
        "customresourcedefinitions",
        "flowschemas",
        "ingressclasses",
        "namespaces",
        "nodes",
        "persistentvolumes",
        "priorityclasses",
        "prioritylevelconfigurations",
        "runtimeclasses",
        "selfsubjectaccessreviews",
        "storageclasses",
        "subjectaccessreviews",
        "tokenreviews",
        "volumeattachments",
    }
)  # of Kubernetes' own kinds without a namespace those that a cluster does not live without
_EVERYBODYS = (
    "app",
    "component",
    "k8s-app",
    "name",
    "role",
    "tier",
)  # labels that the landscape's pods have, too
_LANDSCAPES = ("gardener.cloud", "k8s.io", "kubernetes.io")  # and whose labels, of names and of domains below
_EVERYWHERE = (*_LANDSCAPES, "nesoi.dev")
_POLICY = "ValidatingAdmissionPolicy"


def intercepting_faults(
    document: Mapping[str, Any],
    ref: ObjectRef,
    *,
    documents: Sequence[Json],
    groups: Mapping[str, Collection[str]],
    places: Collection[str],
) -> Iterator[str]:
    """Yield in sentences what of others an object would look at, and where it would send that.

    `groups` are the API groups that the bundle and its module bring, each with the resources of it where others bring some, too.
    """
    for config in _clients(document, ref.kind):
        yield from _astray(config, ref, places)
    if ref.kind.endswith("WebhookConfiguration"):
        for webhook in entries(document, "webhooks"):
            for why in _reach(entries(webhook, "rules"), [webhook], groups):
                yield f"{ref} ({webhook.get('name')}) looks at {why}"
                return
    if ref.kind == f"{_POLICY}Binding":
        yield from _binding(document, ref, documents, groups)


def _clients(document: Mapping[str, Any], kind: str) -> list[Json]:
    if kind.endswith("WebhookConfiguration"):
        return [inner(one, "clientConfig") for one in entries(document, "webhooks")]
    if kind == "APIService":
        return [inner(document, "spec")]
    conversion = inner(document, "spec", "conversion", "webhook")
    return [inner(conversion, "clientConfig")] if kind == CRD and conversion else []


def _astray(config: Mapping[str, Any], ref: ObjectRef, places: Collection[str]) -> Iterator[str]:
    if config.get("url"):
        yield f"{ref} sends the API server's requests to {config['url']}; let a Service of the bundle answer them."
    namespace = inner(config, "service").get("namespace")
    if namespace is not None and namespace not in places:
        yield (
            f"{ref} has the API server's requests answered in the namespace {namespace}, where nothing of the bundle is; name "
            f"{' or '.join(sorted(places))}."
        )


def _binding(
    document: Mapping[str, Any],
    ref: ObjectRef,
    documents: Sequence[Json],
    groups: Mapping[str, Collection[str]],
) -> Iterator[str]:
    spec = inner(document, "spec")
    policies = [
        inner(one, "spec", "matchConstraints")
        for one in documents
        if (one["kind"], one["metadata"]["name"]) == (_POLICY, spec.get("policyName"))
    ]
    if not policies:
        yield f"{ref} enforces the policy {spec.get('policyName')}, which the bundle does not bring; leave it out."
    elif "Deny" in texts(spec, "validationActions"):
        narrowed = inner(spec, "matchResources")
        for policy in policies:
            for why in _reach(entries(policy, "resourceRules"), [policy, narrowed], groups):
                yield f"{ref} denies {why}"
                return


def _reach(
    rules: Sequence[Json], selections: Sequence[Json], groups: Mapping[str, Collection[str]]
) -> Iterator[str]:
    """Yield what rules are about that is not the bundle's own, unless the selections leave it out."""
    for rule in rules:
        for group in texts(rule, "apiGroups"):
            own = groups.get(group) or ()
            if own and not {text.partition("/")[0] for text in texts(rule, "resources")} <= set(own):
                yield f"kinds of {group} that other modules bring; name the module's own ({', '.join(sorted(own))})."
    foreign = [rule for rule in rules if any(_is_others(group, groups) for group in texts(rule, "apiGroups"))]
    wide = sorted(
        {
            name
            for rule in foreign
            for name in (text.partition("/")[0] for text in texts(rule, "resources"))
            if rule.get("scope", "*") != "Namespaced" and (name == "*" or name in _WIDE)
        }
    )
    if any(_opts_in(inner(one, "objectSelector")) for one in selections):
        return
    if wide:
        yield (
            f"{'everything' if '*' in wide else ', '.join(wide)} of the cluster's own, without which it does not live; name the "
            "resources that it is about, with `scope: Namespaced`."
        )
    reached = [
        name
        for name in _KEPT
        if foreign and all(_selects(inner(one, "namespaceSelector"), name) for one in selections)
    ]
    if reached:
        yield (
            f"what is in {', '.join(reached)}, too; leave these out by its namespaceSelector ({_NAME} NotIn "
            f"[{', '.join(_KEPT)}]), or let namespaces ask for it by a label."
        )


def _is_others(group: str, groups: Mapping[str, Collection[str]]) -> bool:
    return group == "*" or (group not in groups and bool(owner_of_group(group)))


def _opts_in(selector: Mapping[str, Any]) -> bool:
    """Say whether only objects are meant that ask for it by a label of its own."""
    return any(
        name not in _EVERYBODYS and not name.endswith("-hash") and not _is_of(_EVERYWHERE, name)
        for name, _ in asked_labels(selector)
    )


def _is_of(domains: Sequence[str], label: str) -> bool:
    prefix = label.rpartition("/")[0]
    return any(prefix == domain or prefix.endswith(f".{domain}") for domain in domains)


def _selects(selector: Mapping[str, Any], namespace: str) -> bool:
    """Say whether a namespace of the platform or the landscape is selected, by the labels that it is known to have.

    Landscapes label theirs as they like with what is Kubernetes' or their own.
    """
    labels = {_NAME: namespace}
    if namespace not in OURS:
        guessed = {
            name: (values or [""])[0] for name, values in asked_labels(selector) if _is_of(_LANDSCAPES, name)
        }
        labels = guessed | labels
    if namespace in OURS:
        level = "privileged" if namespace == DRIVERS else "restricted"
        labels |= {"nesoi.dev/part": "platform", **dict.fromkeys(_LEVELS, level)}
    return selects(selector, labels)
