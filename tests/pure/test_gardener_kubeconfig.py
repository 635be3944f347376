"""A kubeconfig is read by an allow-list; whatever could run, read or redirect is refused."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml

from provisioner.drivers.kube.kubeconfig import KubeconfigRefusedError, parse_kubeconfig


def document(*, cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "c", "cluster": {"server": "https://api.example.org/x/", **(cluster or {})}}
            ],
            "users": [{"name": "u", "user": user if user is not None else {"token": "canary-token"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
    )


def test_server_authority_and_token_are_taken() -> None:
    access = parse_kubeconfig(
        document(cluster={"certificate-authority-data": base64.b64encode(b"PEM").decode()})
    )
    assert (access.server, access.ca_pem, access.token) == (
        "https://api.example.org/x",
        "PEM",
        "canary-token",
    )


def test_secrets_are_not_in_its_repr() -> None:
    assert "canary" not in repr(parse_kubeconfig(document()))


@pytest.mark.parametrize(
    "user",
    [
        {"token": "t", "exec": {"command": "touch", "args": ["/tmp/x"]}},
        {"token": "t", "auth-provider": {"name": "gcp"}},
        {"tokenFile": "/etc/passwd"},
        {"token": "t", "client-key": "/root/key"},
        {"token": "t", "as": "system:admin"},
        {"username": "u", "password": "p"},
        {},
        {"client-certificate-data": base64.b64encode(b"PEM").decode()},
        {"client-certificate-data": "not base64!", "client-key-data": "x"},
        {"token": ["t"]},
    ],
)
def test_a_user_that_runs_reads_or_pretends_is_refused(user: dict[str, Any]) -> None:
    with pytest.raises(KubeconfigRefusedError):
        parse_kubeconfig(document(user=user))


@pytest.mark.parametrize(
    "cluster",
    [
        {"server": "http://169.254.169.254"},
        {"server": "https://user:pass@example.org"},
        {"server": "file:///etc/passwd"},
        {"server": "https://example.org:99999"},
        {"insecure-skip-tls-verify": True},
        {"proxy-url": "http://proxy"},
        {"certificate-authority": "/etc/ssl/cert.pem"},
    ],
)
def test_a_cluster_that_leads_elsewhere_is_refused(cluster: dict[str, Any]) -> None:
    with pytest.raises(KubeconfigRefusedError):
        parse_kubeconfig(document(cluster=cluster))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "a: b",
        "a: [1, 2",
        "a: &x 1\nb: *x",
        "a: &x 1",
        "!!python/object/apply:os.system ['true']",
        document() + "# " + "x" * 65536,
    ],
)
def test_what_is_no_plain_small_document_is_refused(text: str) -> None:
    with pytest.raises(KubeconfigRefusedError):
        parse_kubeconfig(text)


def test_an_error_never_quotes_the_document() -> None:
    with pytest.raises(KubeconfigRefusedError) as caught:
        parse_kubeconfig("token: canary-token\n  broken: [")
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
