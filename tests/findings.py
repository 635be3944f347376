"""What breaks each rule, as manifests that any cluster takes, and the look at what they make."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from provisioner.findings.looking import look
from provisioner.findings.rules.base import Look
from provisioner.modules.rendering import in_apply_order, render
from provisioner.runtimes.inside import Json
from tests.modules import Island, cluster, wish

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
RENDERED = render(cluster(wish("isolation"), wish("service-mesh")))
REQUESTS = {"requests": {"cpu": "10m", "memory": "16Mi"}}


def pod(name: str, *, namespace: str = "shop", labels: Mapping[str, str] | None = None, **spec: Any) -> Json:
    container = {"name": "main", "image": "shop:1", "resources": REQUESTS}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels or {})},
        "spec": {"containers": [container], **spec},
    }


def deployment(name: str, *, namespace: str) -> Json:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod(name)["spec"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
    }


def webhook(name: str, **hook: Any) -> Json:
    rules = [
        {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]},
    ]
    client = {"service": {"name": "check", "namespace": "shop", "path": "/"}}
    one = {
        "name": f"{name}.shop.example",
        "rules": rules,
        "clientConfig": client,
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        **hook,
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [one],
    }


def budget(name: str, **spec: Any) -> Json:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "till"}}, **spec},
    }


def written_in(version: str) -> Json:
    """A volume class whose manifest names a version that Kubernetes 1.37 removes."""
    applied = {"apiVersion": version, "kind": "VolumeAttributesClass", "metadata": {"name": "swift"}}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "VolumeAttributesClass",
        "metadata": {
            "name": "swift",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(applied)},
        },
        "driverName": "disk.example",
    }


def system_node(name: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"nesoi.dev/system": "true"}},
        "spec": {"taints": [{"key": "nesoi.dev/system", "effect": "NoSchedule"}]},
    }


def unclear(name: str) -> Json:
    silent = pod(name)
    del silent["spec"]["containers"][0]["resources"]
    return silent


def held(name: str) -> Json:
    there = pod(name)
    there["metadata"] |= {"finalizers": ["shop.example/keep"], "deletionTimestamp": "2026-11-23T11:00:00Z"}
    return there


def edited() -> Json:
    quota = next(one for one in in_apply_order(RENDERED) if one["kind"] == "ResourceQuota")
    changed = deepcopy(quota)
    changed["spec"]["hard"]["pods"] = "3000"
    return changed


# {rule: (manifests that break it, the name of the object that is found)}
BREAKING: Mapping[str, tuple[Callable[[], Sequence[Json]], str]] = {
    "foreign-workloads": (lambda: [deployment("squatter", namespace="nesoi-system")], "squatter"),
    "edited-objects": (lambda: [edited()], "platform"),
    "catching-webhooks": (lambda: [webhook("strict")], "strict"),
    "blocking-finalizers": (lambda: [held("stuck")], "stuck"),
    "removed-apis": (lambda: [written_in("storage.k8s.io/v1beta1")], "swift"),
    "unmeetable-budgets": (
        lambda: [pod("till", labels={"app": "till"}), budget("never", maxUnavailable=0)],
        "never",
    ),
    "missing-requests": (lambda: [unclear("modest")], "modest"),
    "custom-on-system-nodes": (lambda: [system_node("sys-1"), pod("guest", nodeName="sys-1")], "guest"),
}


def clean() -> Island:
    """A cluster with what the platform puts there and an honest application."""
    island = Island()
    for document in in_apply_order(RENDERED):
        island.apply(document)
    island.apply(pod("honest", labels={"app": "honest"}))
    return island


def seen(island: Island, *, kubernetes: str = "1.34.2", **more: Any) -> Look:
    wanted = [document for one in RENDERED for document in one.objects]
    return look(island, at=AT, kubernetes_version=kubernetes, wanted=wanted, **more)
