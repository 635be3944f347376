"""Admission webhooks that the platform's own requests would pass through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from provisioner.findings.kubernetes import (
    MUTATING,
    NAME_LABEL,
    NAMESPACE,
    VALIDATING,
    is_the_platforms,
    namespace_labels,
    selects,
)
from provisioner.findings.rules.base import Finding, Look, Rule, Severity
from provisioner.modules.objects import LANDSCAPES, MODULE, OURS
from provisioner.runtimes.inside import ObjectRef

SLOW_SECONDS = 15  # Gardener's own limit, beyond which it counts a webhook as a problem
# What the platform and the landscape write while a runtime is upgraded.
_WRITTEN: tuple[tuple[str, str, bool], ...] = (
    ("", "pods", True),
    ("", "services", True),
    ("", "configmaps", True),
    ("", "secrets", True),
    ("", "serviceaccounts", True),
    ("apps", "deployments", True),
    ("apps", "daemonsets", True),
    ("apps", "replicasets", True),
    ("networking.k8s.io", "networkpolicies", True),
    ("coordination.k8s.io", "leases", True),
    ("", "namespaces", False),
    ("", "nodes", False),
    ("apiextensions.k8s.io", "customresourcedefinitions", False),
    ("scheduling.k8s.io", "priorityclasses", False),
)


def check(look: Look) -> Iterable[Finding]:
    """Yield each configuration with a webhook that catches us; blocking where its silence would refuse our request."""
    places = {name: labels for name, labels in namespace_labels(look).items() if name in (*OURS, *LANDSCAPES)}
    for ref, live in look.each(VALIDATING, MUTATING):
        if is_the_platforms(look, ref, live):
            continue
        caught = [hook for hook in live.get("webhooks") or () if _catches(hook, places)]
        if caught:
            yield _finding(ref, caught)


def _catches(hook: Mapping[str, Any], places: Mapping[str, Mapping[str, str]]) -> bool:
    ours = {MODULE: "isolation", "app.kubernetes.io/managed-by": "nesoi"}
    if not selects(hook.get("objectSelector"), ours):
        return False
    inside = any(selects(hook.get("namespaceSelector"), labels) for labels in places.values())
    rules = hook.get("rules") or ()
    return any(
        _applies(rule, group, resource, namespaced=namespaced)
        for rule in rules
        for group, resource, namespaced in _WRITTEN
        if inside or not namespaced
    )


def _applies(rule: Mapping[str, Any], group: str, resource: str, *, namespaced: bool) -> bool:
    scope = {"Namespaced": True, "Cluster": False}.get(str(rule.get("scope", "*")))
    return (
        bool({"*", "CREATE", "UPDATE"} & set(rule.get("operations") or ()))
        and bool({"*", group} & set(rule.get("apiGroups") or ()))
        and bool({"*", "*/*", resource} & set(rule.get("resources") or ()))
        and scope in {None, namespaced}
    )


def _finding(ref: ObjectRef, hooks: list[Mapping[str, Any]]) -> Finding:
    strict = [hook for hook in hooks if hook.get("failurePolicy", "Fail") == "Fail"]
    named = str((strict or hooks)[0].get("name", ref.name))
    slow = max(int(hook.get("timeoutSeconds", 10)) for hook in hooks)
    excluded = f"{NAME_LABEL} NotIn ({', '.join((*OURS, *LANDSCAPES))})"
    if strict:
        said = "and refuses them while it does not answer: an upgrade would stop at it."
    else:
        said = f"and holds each up for as long as {slow} seconds while it does not answer."
    return Finding(
        ref,
        Severity.BLOCKING if strict else (Severity.WARNING if slow > SLOW_SECONDS else Severity.INFO),
        f"Webhook {named} of {ref} catches requests of the platform, {said}",
        f"Give it a namespaceSelector with {excluded}, leave nodes and other cluster-wide kinds of the platform out of its "
        "rules, or set its failurePolicy to Ignore.",
    )


rule = Rule(
    "Webhooks that catch platform requests",
    "A webhook that does not answer stops every request that it is asked about, and with them an upgrade.",
    (VALIDATING, MUTATING, NAMESPACE),
    check,
    blocks=True,
)
