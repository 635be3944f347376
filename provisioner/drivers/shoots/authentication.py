"""The tenant's identity providers: a ConfigMap that a Shoot refers to (structured authentication of Kubernetes 1.30+)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from provisioner.drivers.base import ClusterRef
from provisioner.drivers.kube.client import KubeClient
from provisioner.drivers.shoots.garden import Garden
from provisioner.runtimes.spec import ClusterSpec

Json = dict[str, Any]
CLUSTER_LABEL = "nesoi.dev/cluster"
OWNER = "nesoi.dev/runtime"
INSTALLATION = "nesoi.dev/installation"


def config_map_of(cluster: ClusterSpec, garden: Garden) -> Json | None:
    """Return the ConfigMap, or None without identity providers.

    Its name carries a digest of its content: Gardener looks at the reference, so a changed content needs another name to be
    rolled out at once.
    """
    if not cluster.oidc:
        return None
    document = {
        "apiVersion": "apiserver.config.k8s.io/v1beta1",
        "kind": "AuthenticationConfiguration",
        "jwt": [_authenticator(issuer) for issuer in cluster.oidc],
    }
    text = json.dumps(document, sort_keys=True, indent=1)  # JSON is YAML
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": f"{cluster.name}-oidc-{digest}",
            "namespace": garden.namespace,
            "labels": {**owner_labels(cluster), CLUSTER_LABEL: cluster.name},
        },
        "data": {"config.yaml": text},
    }


def referred_of(shoot: Mapping[str, Any]) -> str:
    """Return the name of the ConfigMap that a Shoot refers to, or an empty string."""
    server = ((shoot.get("spec") or {}).get("kubernetes") or {}).get("kubeAPIServer") or {}
    return str((server.get("structuredAuthentication") or {}).get("configMapName") or "")


def forget_config_maps(client: KubeClient, garden: Garden, cluster: ClusterRef, *, keep: str = "") -> None:
    """Delete the cluster's ConfigMaps but the one to keep, in one call; those of another owner stay. Raises ApiRefused, Retry.

    Gardener holds back with a finalizer what a Shoot still refers to. Asking for all but one, rather than for the last one by
    its name, also removes what a process that died had left.
    """
    labels = {CLUSTER_LABEL: cluster.name, **({OWNER: cluster.owner} if cluster.owner else {})}
    query = {"labelSelector": ",".join(f"{key}={value}" for key, value in labels.items())}
    if keep:
        query["fieldSelector"] = f"metadata.name!={keep}"
    client.call("DELETE", garden.config_maps, query=query)


def owner_labels(cluster: ClusterSpec) -> dict[str, str]:
    """Return those labels that say whose the cluster is."""
    return {key: value for key, value in cluster.labels.items() if key.startswith("nesoi.dev/")}


def _authenticator(issuer: Mapping[str, Any]) -> Json:
    url, claim = issuer["issuerURL"], issuer.get("usernameClaim") or "sub"
    rules = [str(rule).partition("=") for rule in issuer.get("requiredClaims") or ()]
    mappings: Json = {
        "username": {"claim": claim, "prefix": _prefix(issuer.get("usernamePrefix"), f"{url}#")}
    }
    if issuer.get("groupsClaim"):
        mappings["groups"] = {
            "claim": issuer["groupsClaim"],
            "prefix": _prefix(issuer.get("groupsPrefix"), ""),
        }
    authenticator: Json = {
        "issuer": {"url": url, "audiences": [issuer["clientID"]]},
        "claimMappings": mappings,
    }
    if rules:
        authenticator["claimValidationRules"] = [
            {"claim": name, "requiredValue": value} for name, _, value in rules
        ]
    return authenticator


def _prefix(given: Any, default: str) -> str:
    """A dash means none, as with kube-apiserver's older flags."""
    return "" if given == "-" else str(given) if given else default
