"""Access for a program or an editor: a service account of its own in the cluster, one role, and tokens that expire.

The roles are Kubernetes' own, over the whole cluster. `edit` keeps people from RBAC by accident; like everywhere in Kubernetes,
whoever may start pods next to a stronger service account can borrow its rights.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from controlplane.kernel.errors import Fatal
from provisioner.drivers.base import Kubeconfig, Role
from provisioner.drivers.kube.applying import apply_objects
from provisioner.drivers.kube.client import KubeClient
from provisioner.drivers.kube.kubeconfig import ApiAccess
from provisioner.drivers.kube.refusals import ApiRefused

NAMESPACE = "nesoi-access"
CLUSTER_ROLES: Mapping[Role, str] = {Role.VIEW: "view", Role.EDIT: "edit", Role.ADMIN: "cluster-admin"}
SHORTEST_TTL = timedelta(minutes=10)  # of TokenRequest, Kubernetes API
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?")
_RBAC = "rbac.authorization.k8s.io"
_ACCOUNTS = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
_BINDINGS = f"/apis/{_RBAC}/v1/clusterrolebindings"
_NOT_FOUND, _INVALID = 404, 422
LABELS: Mapping[str, str] = {"app.kubernetes.io/managed-by": "nesoi"}


def grant(
    client: KubeClient, access: ApiAccess, *, name: str, role: Role, ttl: timedelta, manager: str
) -> Kubeconfig:
    """Return a kubeconfig of the service account `name`, made or changed to have exactly `role`; again is harmless.

    `access` says where the API is; its own secrets are not handed on. Raises ApiRefused, Retry, Fatal for a bad name.
    """
    _check(name)
    _ensure_namespace(client, manager)
    try:
        apply_objects(client, _objects(name, role), manager=manager)
    except ApiRefused as error:
        if error.status != _INVALID:
            raise
        _delete(client, f"{_BINDINGS}/{_binding(name)}")  # the role of a binding can't be changed
        apply_objects(client, _objects(name, role), manager=manager)
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": int(max(ttl, SHORTEST_TTL).total_seconds())},
    }
    status = client.call("POST", f"{_ACCOUNTS}/{name}/token", body=request).get("status") or {}
    try:
        expires_at = datetime.fromisoformat(status["expirationTimestamp"].replace("Z", "+00:00"))
        text = _kubeconfig(access, name, str(status["token"]))
    except (KeyError, ValueError, AttributeError):
        raise Fatal(
            f"{client.name} answered a TokenRequest without a token.", code="kubeconfig_unusable"
        ) from None
    return Kubeconfig(yaml=text, expires_at=expires_at.astimezone(UTC))


def revoke(client: KubeClient, *, name: str) -> None:
    """Remove the service account and its role: its tokens end at once. What is not there is fine; raises ApiRefused, Retry."""
    _check(name)
    _delete(client, f"{_BINDINGS}/{_binding(name)}")
    _delete(client, f"{_ACCOUNTS}/{name}")


def _ensure_namespace(client: KubeClient, manager: str) -> None:
    """Make the namespace where the module isolation has not yet: one that is there keeps all that the module says of it."""
    try:
        client.call("GET", f"/api/v1/namespaces/{NAMESPACE}")
    except ApiRefused as error:
        if error.status != _NOT_FOUND:
            raise
        document = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": NAMESPACE, "labels": dict(LABELS)},
        }
        apply_objects(client, [document], manager=manager)


def _objects(name: str, role: Role) -> list[dict[str, Any]]:
    labels = dict(LABELS)
    return [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        },
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": _binding(name), "labels": labels},
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": CLUSTER_ROLES[role]},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}],
        },
    ]


def _binding(name: str) -> str:
    return f"{NAMESPACE}-{name}"


def _check(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise Fatal(
            f"“{name}” can't name a service account: use up to 50 lower-case letters, digits and dashes.",
            code="name_invalid",
        )


def _delete(client: KubeClient, path: str) -> None:
    try:
        client.call("DELETE", path)
    except ApiRefused as error:
        if error.status != _NOT_FOUND:
            raise


def _kubeconfig(access: ApiAccess, name: str, token: str) -> str:
    cluster: dict[str, Any] = {"server": access.server}
    if access.ca_pem:
        cluster["certificate-authority-data"] = base64.b64encode(access.ca_pem.encode()).decode()
    if access.tls_server_name:
        cluster["tls-server-name"] = access.tls_server_name
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "runtime", "cluster": cluster}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": "runtime", "context": {"cluster": "runtime", "user": name}}],
        "current-context": "runtime",
    }
    return yaml.safe_dump(document, sort_keys=False)
