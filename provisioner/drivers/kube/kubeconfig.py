"""Reads a kubeconfig by an allow-list: one server, its CA, and credentials written inside the document."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import yaml

LIMIT_BYTES = 64 * 1024
_CLUSTER = frozenset({"server", "certificate-authority-data", "tls-server-name", "extensions"})
_USER = frozenset({"token", "client-certificate-data", "client-key-data"})
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class KubeconfigRefusedError(ValueError):
    """A kubeconfig that is not safe or not usable; the sentence names the entry, never its value."""


@dataclass(frozen=True)
class ApiAccess:
    """Where an API server is and how to prove who we are; secrets stay out of its repr."""

    server: str
    ca_pem: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    certificate_pem: str = field(default="", repr=False)
    key_pem: str = field(default="", repr=False)
    tls_server_name: str = ""


def parse_kubeconfig(text: str) -> ApiAccess:
    """Return what the current context says; raises KubeconfigRefusedError.

    Refused: more than 64 KiB, YAML anchors and aliases (they grow without bound), plain HTTP, skipped verification, proxies,
    files (`tokenFile`, `client-key`, `certificate-authority` ...), `exec`, `auth-provider`, impersonation, basic auth.
    """
    document = _load(text)
    context = _named(document, "contexts", "context", _text(document, "current-context"))
    cluster = _named(document, "clusters", "cluster", _text(context, "cluster"))
    user = _named(document, "users", "user", _text(context, "user"))
    _only(cluster, _CLUSTER, "cluster")
    _only(user, _USER, "user")
    access = ApiAccess(
        server=_server(_text(cluster, "server")),
        ca_pem=_pem(cluster, "certificate-authority-data"),
        token=_text(user, "token"),
        certificate_pem=_pem(user, "client-certificate-data"),
        key_pem=_pem(user, "client-key-data"),
        tls_server_name=_text(cluster, "tls-server-name"),
    )
    if bool(access.certificate_pem) != bool(access.key_pem):
        raise KubeconfigRefusedError(
            "The kubeconfig has a client certificate without its key, or the other way round."
        )
    if not access.token and not access.key_pem:
        raise KubeconfigRefusedError("The kubeconfig holds neither a token nor a client certificate.")
    return access


def _load(text: str) -> Mapping[str, Any]:
    if len(text.encode()) > LIMIT_BYTES:
        raise KubeconfigRefusedError(f"The kubeconfig is larger than {LIMIT_BYTES // 1024} KiB.")
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise KubeconfigRefusedError(
                    "The kubeconfig uses YAML anchors or aliases; write it without them."
                )
        document = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader, chosen above
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, KubeconfigRefusedError):
            raise
        # A parser quotes the line it stumbled on, which may be a secret.
        raise KubeconfigRefusedError("The kubeconfig is not well-formed YAML.") from None
    if not isinstance(document, Mapping):
        raise KubeconfigRefusedError("The kubeconfig is not a mapping.")
    return document


def _named(document: Mapping[str, Any], plural: str, singular: str, name: str) -> Mapping[str, Any]:
    entries = document.get(plural)
    for entry in entries if isinstance(entries, list) else ():
        if (
            isinstance(entry, Mapping)
            and entry.get("name") == name
            and isinstance(entry.get(singular), Mapping)
        ):
            found: Mapping[str, Any] = entry[singular]
            return found
    raise KubeconfigRefusedError(f"The kubeconfig's current context names a {singular} that it doesn't hold.")


def _only(entry: Mapping[str, Any], allowed: frozenset[str], what: str) -> None:
    strange = sorted(
        str(key) for key, value in entry.items() if key not in allowed and value not in (None, "", False)
    )
    if strange:
        raise KubeconfigRefusedError(
            f"The kubeconfig's {what} uses {', '.join(strange)}, which isn't allowed here: embed the credentials "
            "(kubectl config view --raw --flatten --minify)."
        )


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise KubeconfigRefusedError(f"The kubeconfig's {key} is not a text.")
    return value


def _pem(entry: Mapping[str, Any], key: str) -> str:
    try:
        return base64.b64decode(_text(entry, key), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        raise KubeconfigRefusedError(f"The kubeconfig's {key} is not base64 of a PEM document.") from None


def _server(address: str) -> str:
    try:
        parts = urlsplit(address)
        usable = (
            parts.scheme == "https"
            and bool(parts.hostname)
            and not parts.username
            and (parts.port or 443) > 0
        )
    except ValueError:
        usable = False
    if not usable:
        raise KubeconfigRefusedError("The kubeconfig's server is not an https address.")
    return address.rstrip("/")
