"""Short-lived kubeconfigs for a Shoot's own API."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

from provisioner.simulator.errors import Json, cause, invalid
from provisioner.simulator.gardener.names import GROUP
from provisioner.simulator.gardener.status import endpoint_url
from provisioner.simulator.identity import MASTERS, VIEWERS
from provisioner.simulator.moments import stamp
from provisioner.simulator.tls import Authority

MINIMUM, DEFAULT, CAP = 600, 3600, 86400
REQUESTS = {
    "adminkubeconfig": ("AdminKubeconfigRequest", MASTERS, "nesoi:admin"),
    "viewerkubeconfig": ("ViewerKubeconfigRequest", VIEWERS, "nesoi:viewer"),
}
TEMPLATE = """\
apiVersion: v1
kind: Config
clusters:
- name: {name}
  cluster:
    server: {server}
    certificate-authority-data: {ca}
users:
- name: {name}
  user:
    client-certificate-data: {certificate}
    client-key-data: {key}
contexts:
- name: {name}
  context:
    cluster: {name}
    user: {name}
    namespace: {namespace}
current-context: {name}
preferences: {{}}
"""


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def render(*, name: str, server: str, ca: str, certificate: str, key: str, namespace: str = "default") -> str:
    """Return a kubeconfig with a client certificate, as YAML."""
    return TEMPLATE.format(
        name=name,
        server=server,
        ca=_b64(ca),
        certificate=_b64(certificate),
        key=_b64(key),
        namespace=namespace,
    )


def mint(authority: Authority, shoot: Json, subresource: str, request: Json, base_url: str) -> Json:
    """Answer an AdminKubeconfigRequest or ViewerKubeconfigRequest; raises 422 for a bad span or no API server."""
    kind, group, user = REQUESTS[subresource]
    seconds = (request.get("spec") or {}).get("expirationSeconds", DEFAULT)
    if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < MINIMUM:
        why = f"Invalid value: {seconds}: may not specify a duration less than 10 minutes"
        raise invalid("authentication.gardener.cloud", kind, "", [cause("spec.expirationSeconds", why)])
    status = shoot.get("status") or {}
    if not status.get("advertisedAddresses"):
        why = "Invalid value: no kube-apiserver advertised addresses in Shoot .status.advertisedAddresses"
        raise invalid(GROUP, "Shoot", shoot["metadata"]["name"], [cause("status.status", why)])
    expires = datetime.now(UTC) + timedelta(seconds=min(seconds, CAP))
    certificate, key = authority.client_certificate(shoot["metadata"]["uid"], user, (group,), expires)
    text = render(
        name=status["technicalID"],
        server=endpoint_url(shoot, base_url),
        ca=authority.server_ca,
        certificate=certificate,
        key=key,
    )
    return {
        "apiVersion": "authentication.gardener.cloud/v1alpha1",
        "kind": kind,
        "metadata": {"creationTimestamp": stamp()},
        "spec": {"expirationSeconds": seconds},
        "status": {"kubeconfig": _b64(text), "expirationTimestamp": stamp(expires)},
    }
