"""Secrets are masked in whatever notation they come; the rest of the text stays as it was."""

from __future__ import annotations

import base64
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.kernel.errors import Fatal, Retry
from controlplane.kernel.redaction import MASK, redact, redact_values

SECRET = "Zx9" + "Qw7eRt5yUi3oPa1s" * 2
PEM = f"-----BEGIN RSA PRIVATE KEY-----\nMIIE{SECRET}\nab+/{SECRET}=\n-----END RSA PRIVATE KEY-----"
ENCRYPTED_PEM = PEM.replace("\nMIIE", "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMIIE")
KUBECONFIG = {
    "users": [{"user": {"client-key-data": base64.b64encode(PEM.encode()).decode(), "token": SECRET}}]
}
YAML = f"users:\n- name: me\n  user:\n    client-key-data: {SECRET}\n    token: {SECRET}\n"

PLANTED = {
    "nesoi": f"sent nesoi_{SECRET} twice",
    "bearer": f"headers were Bearer {SECRET}, again",
    "authorization": f"Authorization: Basic {SECRET}==",
    "authorization in a dictionary": repr({"Authorization": f"Bearer {SECRET}", "Accept": "x"}),
    "authorization in a pair": repr([("authorization", f"Digest {SECRET}")]),
    "authorization of wsgi": repr({"HTTP_AUTHORIZATION": f"Token {SECRET}"}),
    "cookie": f"Cookie: sessionid={SECRET}; csrftoken={SECRET}",
    "pem": f"the key {PEM} is bad",
    "encrypted pem": f"the key {ENCRYPTED_PEM} is bad",
    "pem cut short": PEM[:80],
    "pem in json": json.dumps({"key": PEM}),
    "pem in json in json": json.dumps(json.dumps({"key": PEM})),
    "kubeconfig in yaml": YAML,
    "kubeconfig in json": json.dumps(KUBECONFIG),
    "kubeconfig in python": repr(KUBECONFIG),
    "kubeconfig as a string": repr(YAML),
    "kubeconfig in json in json": json.dumps(json.dumps(KUBECONFIG)),
    "postgres": f"could not connect to postgresql://nesoi:{SECRET}@db.example/nesoi",
    "redis": f"redis://:{SECRET}@valkey:6379/0",
    "amqp": f"amqp://nesoi:p@{SECRET}@rabbitmq//",
    "dsn": f"host=db password={SECRET} user=nesoi",
    "quoted password": json.dumps({"password": f"with blanks, {SECRET}"}),
    "environment": f"POSTGRES_PASSWORD={SECRET}",
    "query": f"https://x.example/?access_token={SECRET}&page=2",
    "jwt": f"eyJhbGciOiJSUzI1NiJ9.{SECRET}.{SECRET}",
}


@pytest.mark.parametrize("text", PLANTED.values(), ids=list(PLANTED))
def test_a_secret_is_masked_in_every_notation(text: str) -> None:
    masked = redact(text)
    assert MASK in masked
    assert SECRET[:12] not in masked
    assert "Qw7eRt5" not in masked
    assert redact(masked) == masked


INNOCENT = [
    "Request 0193f0a4-1111-7222-8333-444455556666 took 20 ms at https://nesoi.example:8443/api/v1/runtimes?limit=5.",
    "nesoi_operations_finished_total 5",
    "Tokens of alice@example.org were revoked.",
    "“autoScalerMin” is 9, above “autoScalerMax”, which is 5.",
    "certificate-authority of the cluster has changed; ERR_INFRA_QUOTA_EXCEEDED: quota of vCPU is 20",
]


@pytest.mark.parametrize("text", INNOCENT)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("name", ["pem in json", "kubeconfig in json", "quoted password"])
def test_json_stays_json(name: str) -> None:
    json.loads(redact(PLANTED[name]))


def test_values_are_masked_by_their_names_however_they_look() -> None:
    masked = redact_values({"password": "x", "token": ["y"], "rows": [{"client-key-data": "z", "name": "n"}]})
    assert masked == {"password": MASK, "token": MASK, "rows": [{"client-key-data": MASK, "name": "n"}]}


@given(st.text())
def test_it_takes_any_text_and_once_is_enough(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "piece",
    ["-----BEGIN PRIVATE KEY-----", "a", "token=", "eyJ", "http://", "http://a:", "Bearer ", "nesoi_", '"', "\\", "-",
     "-eyJ", "authorization"],
)  # fmt: skip
def test_time_grows_with_the_text_only(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    began = time.monotonic()
    redact(text)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("kind", [Retry, Fatal])
def test_a_fault_that_is_going_to_be_stored_forgets_secrets_at_birth(kind: type[Exception]) -> None:
    assert (
        str(kind(PLANTED["postgres"])) == f"could not connect to postgresql://nesoi:{MASK}@db.example/nesoi"
    )
