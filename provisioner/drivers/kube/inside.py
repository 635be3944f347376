"""A runtime's own API for whoever works on its objects: `runtimes.inside.ClusterApi` over one connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from controlplane.kernel.errors import Retry
from provisioner.drivers.kube.applying import Kinds, apply_object, kinds_of, root
from provisioner.drivers.kube.client import KubeClient
from provisioner.drivers.kube.refusals import ApiRefused
from provisioner.runtimes.inside import Json, ObjectRef

NOT_FOUND = 404
_PAGE = "500"
# What every Kubernetes serves since 1.30, so that nobody asks each cluster again: "plural, namespaced".
WELL_KNOWN: Mapping[str, Kinds] = {
    "v1": {
        "ConfigMap": ("configmaps", True),
        "LimitRange": ("limitranges", True),
        "Namespace": ("namespaces", False),
        "Node": ("nodes", False),
        "Pod": ("pods", True),
        "ResourceQuota": ("resourcequotas", True),
        "Secret": ("secrets", True),
        "Service": ("services", True),
        "ServiceAccount": ("serviceaccounts", True),
    },
    "apps/v1": {
        "DaemonSet": ("daemonsets", True),
        "Deployment": ("deployments", True),
        "StatefulSet": ("statefulsets", True),
    },
    "admissionregistration.k8s.io/v1": {
        "MutatingWebhookConfiguration": ("mutatingwebhookconfigurations", False),
        "ValidatingAdmissionPolicy": ("validatingadmissionpolicies", False),
        "ValidatingAdmissionPolicyBinding": ("validatingadmissionpolicybindings", False),
        "ValidatingWebhookConfiguration": ("validatingwebhookconfigurations", False),
    },
    "apiextensions.k8s.io/v1": {"CustomResourceDefinition": ("customresourcedefinitions", False)},
    "autoscaling/v2": {"HorizontalPodAutoscaler": ("horizontalpodautoscalers", True)},
    "batch/v1": {"CronJob": ("cronjobs", True), "Job": ("jobs", True)},
    "networking.k8s.io/v1": {"Ingress": ("ingresses", True), "NetworkPolicy": ("networkpolicies", True)},
    "policy/v1": {"PodDisruptionBudget": ("poddisruptionbudgets", True)},
    "rbac.authorization.k8s.io/v1": {
        "ClusterRole": ("clusterroles", False),
        "ClusterRoleBinding": ("clusterrolebindings", False),
        "Role": ("roles", True),
        "RoleBinding": ("rolebindings", True),
    },
    "scheduling.k8s.io/v1": {"PriorityClass": ("priorityclasses", False)},
}


class InsideApi:
    """Calls by kind instead of by path; what a custom kind is called is learnt from the definitions that pass through."""

    def __init__(self, client: KubeClient, *, manager: str) -> None:
        self._client = client
        self._manager = manager
        self._served: dict[str, dict[str, tuple[str, bool]]] = {
            version: dict(kinds) for version, kinds in WELL_KNOWN.items()
        }

    def get(self, ref: ObjectRef) -> Json | None:
        """Return the object, or None."""
        place = self._place(ref.api_version, ref.kind, ref.namespace)
        if place is None:
            return None
        try:
            return self._client.call("GET", f"{place}/{quote(ref.name, safe='')}")
        except ApiRefused as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def list(
        self, api_version: str, kind: str, *, namespace: str = "", labels: str = "", most: int = 0
    ) -> list[Json]:
        """Return every object that the selector matches, page by page, or the first so many."""
        place = self._place(api_version, kind, namespace)
        query = {"limit": _PAGE, **({"labelSelector": labels} if labels else {})}
        found: list[Json] = []
        while place is not None:
            try:
                page = self._client.call("GET", place, query=query)
            except ApiRefused as error:
                if error.status == NOT_FOUND:
                    break
                raise
            found += page.get("items") or ()
            token = (page.get("metadata") or {}).get("continue")
            if not token or 0 < most <= len(found):
                break
            query["continue"] = str(token)
        return found[:most] if most else found

    def apply(self, document: Mapping[str, Any]) -> Json:
        """Apply one object; raises Retry for a kind that is not served yet."""
        ref = ObjectRef.of(document)
        place = self._place(ref.api_version, ref.kind, ref.namespace or "default")
        if place is None:
            raise self._not_served(ref)
        try:
            applied = apply_object(self._client, place, document, manager=self._manager)
        except ApiRefused as error:
            # A definition that has just come is served a moment later.
            if error.status == NOT_FOUND and ref.api_version not in WELL_KNOWN:
                raise self._not_served(ref) from None
            raise
        if ref.kind == "CustomResourceDefinition":
            self._learn(document["spec"])
        return applied

    def delete(self, ref: ObjectRef) -> Json | None:
        """Delete in the foreground of its dependants' eyes: they are collected behind it. What lingers comes back."""
        place = self._place(ref.api_version, ref.kind, ref.namespace)
        if place is None:
            return None
        try:
            answer = self._client.call("DELETE", f"{place}/{quote(ref.name, safe='')}")
        except ApiRefused as error:
            if error.status == NOT_FOUND:
                return None
            raise
        return None if answer.get("kind") == "Status" else answer

    def _place(self, api_version: str, kind: str, namespace: str) -> str | None:
        if kind not in self._served.get(api_version, {}):
            self._served.setdefault(api_version, {}).update(kinds_of(self._client, api_version))
        found = self._served[api_version].get(kind)
        if found is None:
            return None
        plural, namespaced = found
        inner = f"/namespaces/{quote(namespace, safe='')}" if namespaced and namespace else ""
        return f"{root(api_version)}{inner}/{plural}"

    def _learn(self, spec: Mapping[str, Any]) -> None:
        names = spec["names"]
        for version in spec["versions"]:
            served = self._served.setdefault(f"{spec['group']}/{version['name']}", {})
            served[names["kind"]] = (names["plural"], spec.get("scope") == "Namespaced")

    def _not_served(self, ref: ObjectRef) -> Retry:
        return Retry(
            f"{self._client.name} does not serve {ref.kind} of {ref.api_version} yet.", code="kind_not_served"
        )
