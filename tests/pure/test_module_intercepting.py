"""No webhook or policy of a bundle stands between the API server and what a cluster lives by."""

from __future__ import annotations

import pytest

from tests.pure.test_module_belonging import HOOKS, definition, faults, one, service

PODS = "{apiGroups: [''], apiVersions: [v1], resources: [pods], operations: [CREATE]}"
OWN = "{apiGroups: [e.example.com], apiVersions: [v1], resources: ['*'], operations: [CREATE]}"
MODULES = "{apiGroups: [modules.nesoi.dev], apiVersions: [v1], resources: [KIND], operations: [UPDATE]}"
ALL = "{apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'], operations: ['*']}"
NODES = "{apiGroups: [''], apiVersions: [v1], resources: [pods, nodes/status], operations: [UPDATE]}"
BOUNDED = "{apiGroups: ['*'], apiVersions: ['*'], resources: ['*'], operations: ['*'], scope: Namespaced}"
AWAY = (
    "{matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: "
    "[kube-system, kube-public, kube-node-lease, nesoi-system, nesoi-access, nesoi-drivers]}]}"
)
ASKED = "{matchLabels: {inject.example.com/proxy: enabled}}"
KIND = definition("e.example.com")
TURNED = "{strategy: Webhook, webhook: {clientConfig: {url: 'https://x.example.com'}}}"


def webhook(
    rule: str,
    more: str = "",
    client: str = "service: {name: a, namespace: nesoi-system}",
    kind: str = "Mutating",
) -> str:
    body = f"webhooks: [{{name: a.example.com, clientConfig: {{{client}}}, rules: [{rule}]{more}}}]"
    return one(HOOKS, f"{kind}WebhookConfiguration", body=body)


def policy(rule: str, constraints: str = "", binding: str = "", actions: str = "[Deny]") -> str:
    spec = f"spec: {{matchConstraints: {{resourceRules: [{rule}]{constraints}}}}}"
    said = f"spec: {{policyName: broker, validationActions: {actions}{binding}}}"
    return f"{one(HOOKS, 'ValidatingAdmissionPolicy', body=spec)}---\n{one(HOOKS, 'ValidatingAdmissionPolicyBinding', body=said)}"


REFUSED = {
    "pods everywhere": (webhook(PODS), "what is in kube-system, kube-public, kube-node-lease, nesoi-system"),
    "pods everywhere, to judge": (webhook(PODS, kind="Validating"), "what is in kube-system"),
    "everything": (webhook(ALL, f", namespaceSelector: {AWAY}"), "everything of the cluster's own"),
    "nodes": (webhook(NODES, f", namespaceSelector: {AWAY}"), "looks at nodes of the cluster's own"),
    "all but the landscape's": (
        webhook(PODS, ", namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, "
                "values: [kube-system, kube-public, kube-node-lease]}]}"), "what is in nesoi-system, nesoi-access"),
    "the platform's alone": (webhook(PODS, ", namespaceSelector: {matchLabels: {nesoi.dev/part: platform}}"), "nesoi-system"),
    "by a security level": (
        webhook(PODS, ", namespaceSelector: {matchExpressions: [{key: pod-security.kubernetes.io/enforce, operator: Exists}]}"),
        "nesoi-system"),
    "by a label that the landscape's have": (
        webhook(PODS, ", objectSelector: {matchLabels: {k8s-app: kube-dns}}"), "kube-system"),
    "by a label that Kubernetes gives": (
        webhook(PODS, ", objectSelector: {matchExpressions: [{key: pod-template-hash, operator: Exists}]}"), "kube-system"),
    "by a label that Gardener gives": (
        webhook(PODS, ", objectSelector: {matchLabels: {resources.gardener.cloud/managed-by: gardener}}"), "kube-system"),
    "nodes by a label of theirs": (
        webhook(NODES, f", namespaceSelector: {AWAY}, objectSelector: {{matchLabels: {{kubernetes.io/os: linux}}}}"),
        "looks at nodes of the cluster's own"),
    "the landscape's by a purpose": (
        webhook(PODS, ", namespaceSelector: {matchExpressions: [{key: gardener.cloud/purpose, operator: Exists}]}"),
        "kube-system"),
    "whoever does not ask not to": (
        webhook(PODS, ", objectSelector: {matchExpressions: [{key: inject.example.com/proxy, operator: DoesNotExist}]}"),
        "kube-system"),
    "an address outside": (webhook(OWN, client="url: 'https://elsewhere.example.com/x'"), "to https://elsewhere.example.com/x"),
    "somebody's service": (webhook(OWN, client="service: {name: a, namespace: default}"), "in the namespace default"),
    "a group served elsewhere": (service("v1.e.example.com", "default"), "in the namespace default"),
    "versions turned elsewhere": (
        KIND.replace("versions:", f"conversion: {TURNED}, versions:"),
        "to https://x.example.com"),
    "other modules' kinds": (webhook(MODULES.replace("KIND", "'*'")), "kinds of modules.nesoi.dev that other modules bring"),
    "a policy for all pods": (policy(PODS), "denies what is in kube-system"),
    "a policy for nodes": (policy(NODES, f", namespaceSelector: {AWAY}"), "denies nodes of the cluster's own"),
    "somebody else's policy": (
        one(HOOKS, "ValidatingAdmissionPolicyBinding", body="spec: {policyName: nesoi-keep-off-system-nodes}"),
        "which the bundle does not bring"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_looks_at_the_platforms_or_the_landscapes_is_refused(what: str) -> None:
    text, said = REFUSED[what]
    found = (
        faults(text)
        if "e.example.com" not in text or text.startswith("apiVersion: apiext")
        else faults(text, KIND)
    )
    assert [fault.code for fault in found] == ["module_object_reserved"]
    assert said in found[0].detail
    assert "broker" in found[0].detail or "e.example.com" in found[0].detail


LET_IN = {
    "its own kinds": webhook(OWN),
    "its module's own kinds": webhook(MODULES.replace("KIND", "subscriptions/status, eventings")),
    "pods of others": webhook(PODS, f", namespaceSelector: {AWAY}"),
    "all that lives in others' namespaces": webhook(BOUNDED, f", namespaceSelector: {AWAY}"),
    "namespaces that ask for it": webhook(PODS, f", namespaceSelector: {ASKED}"),
    "objects that ask for it": webhook(PODS, f", objectSelector: {ASKED}"),
    "a namespace by its name": webhook(
        PODS, ", namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}"
    ),
    "a policy for others' pods": policy(PODS, f", namespaceSelector: {AWAY}"),
    "a policy that is bound to others": policy(
        PODS, binding=f", matchResources: {{namespaceSelector: {AWAY}}}"
    ),
    "a policy that only warns": policy(ALL, actions="[Warn, Audit]"),
    "a group of its own": service("v1.e.example.com"),
}


@pytest.mark.parametrize("what", LET_IN)
def test_what_keeps_to_its_own_is_let_in(what: str) -> None:
    assert faults(LET_IN[what], KIND) == []
