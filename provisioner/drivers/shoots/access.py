"""The way into a Shoot's own API: minting credentials for it, and a connection that they open."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from controlplane.kernel.errors import Fatal, Retry
from provisioner.drivers.base import Kubeconfig, Role
from provisioner.drivers.kube.client import KubeClient
from provisioner.drivers.kube.kubeconfig import KubeconfigRefusedError, parse_kubeconfig
from provisioner.drivers.kube.refusals import ApiRefused, fate

SHORTEST_TTL = timedelta(seconds=600)  # Gardener refuses less
# As Gardener calls them; it knows none that edits.
KINDS: Mapping[Role, str] = {Role.ADMIN: "admin", Role.VIEW: "viewer"}


def mint(garden: KubeClient, shoot: str, *, ttl: timedelta, role: Role) -> Kubeconfig:
    """Mint by the adminkubeconfig or viewerkubeconfig subresource of the Shoot at this path; raises ApiRefused, Retry, Fatal."""
    request = {
        "apiVersion": "authentication.gardener.cloud/v1alpha1",
        "kind": f"{KINDS[role].capitalize()}KubeconfigRequest",
        "spec": {"expirationSeconds": int(max(ttl, SHORTEST_TTL).total_seconds())},
    }
    answer = garden.call("POST", f"{shoot}/{KINDS[role]}kubeconfig", body=request)
    return minted_kubeconfig(answer.get("status") or {})


@contextmanager
def inside(cluster: str, minted: Kubeconfig, *, timeout_seconds: float) -> Iterator[KubeClient]:
    """Lend a connection to the cluster's own API; its silence and refusals do not count against the landscape."""
    name = f"The API of cluster {cluster}"
    with usable(name):
        access = parse_kubeconfig(minted.yaml)
    client = KubeClient(access, name=name, timeout_seconds=timeout_seconds, landscape=False)
    try:
        yield client
    except ApiRefused as error:
        raise _while_starting(error, name) from None
    finally:
        client.close()


@contextmanager
def usable(name: str) -> Iterator[None]:
    """Tell a kubeconfig that is refused inside as a Fatal of `name`."""
    try:
        yield
    except KubeconfigRefusedError as error:
        raise Fatal(f"{name}: {error}", code="credentials_unusable") from None


def minted_kubeconfig(status: Mapping[str, Any]) -> Kubeconfig:
    """Return what an Admin- or ViewerKubeconfigRequest holds; raises Fatal unless it is safe to hand on."""
    try:
        text = base64.b64decode(status["kubeconfig"], validate=True).decode()
        expires_at = datetime.fromisoformat(status["expirationTimestamp"].replace("Z", "+00:00")).astimezone(
            UTC
        )
        parse_kubeconfig(text)  # whoever receives it shall not run a program that it names
    except (KeyError, ValueError, AttributeError, binascii.Error):
        raise Fatal(
            "The landscape minted a kubeconfig that can't be used.", code="kubeconfig_unusable"
        ) from None
    return Kubeconfig(yaml=text, expires_at=expires_at)


def _while_starting(error: ApiRefused, name: str) -> Retry | Fatal:
    """An API that has just come up may not know its callers yet."""
    if error.status in {401, 403}:
        return Retry(f"{name} does not accept the minted credentials yet.", code="unauthenticated")
    return fate(error, name=name, landscape=False)
