"""Reads what comes back when a Shoot's own API is asked for."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from controlplane.kernel.errors import Fatal
from provisioner.drivers.base import Kubeconfig
from provisioner.drivers.kube.kubeconfig import parse_kubeconfig


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


def is_ready(node: Mapping[str, Any]) -> bool:
    """Say whether a node takes work."""
    conditions = (node.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)
