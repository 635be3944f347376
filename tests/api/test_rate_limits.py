"""Who asks too often is told when to come again, by every face in its own words."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from controlplane.config.limits.answers import CODE
from controlplane.osb.credentials import issue_credential
from controlplane.tenants.access import SYSTEM, Role
from controlplane.tenants.services import issue_token
from tests.api.asking import Asking, problem, read
from tests.osb.asking import basic
from tests.signed_in import browse, text
from tests.world import World

pytestmark = pytest.mark.django_db

OFF = dict.fromkeys(("address", "token", "tenant", "sign-in", "trials", "minting"), "")
POLICY = re.compile(r'"[a-z-]+";q=[0-9]+;w=[0-9]+(, "[a-z-]+";q=[0-9]+;w=[0-9]+)*')
STATE = re.compile(r'"[a-z-]+";r=[0-9]+;t=[0-9]+(, "[a-z-]+";r=[0-9]+;t=[0-9]+)*')


@pytest.fixture
def limits(settings: Settings) -> Any:
    """Set limits for whoever asks first from now on: each client has counters of its own."""

    def allow(**limits: str) -> None:
        settings.RATE_LIMITS = {**OFF, **{name.replace("_", "-"): limit for name, limit in limits.items()}}

    return allow


def test_a_token_that_asks_too_often_hears_when_to_come_again(limits: Any, world: World) -> None:
    limits(token="3/30")
    alice = Asking(world.alice)
    assert [alice.get("/me").status_code for _ in range(3)] == [200] * 3
    refused = alice.get("/me")
    assert problem(refused) == (429, CODE)
    assert 1 <= int(refused["Retry-After"]) <= 10
    assert refused["Cache-Control"] == "no-store"
    told = read(refused)
    assert told["detail"].startswith("This token or session sent more than 3 requests in 30 s; try again in ")
    assert told["request_id"] == refused["X-Request-ID"]


def test_answers_say_what_is_left(limits: Any, world: World) -> None:
    limits(address="50/10", token="30/10", tenant="40/10")
    alice = Asking(world.alice)
    first, second = alice.get("/me"), alice.get("/me")
    assert first["RateLimit-Policy"] == '"address";q=50;w=10, "token";q=30;w=10'
    assert first["RateLimit"] == '"address";r=49;t=1, "token";r=29;t=1'
    # Whose the token is, the first answer told.
    assert second["RateLimit-Policy"] == '"address";q=50;w=10, "token";q=30;w=10, "tenant";q=40;w=10'
    assert second["RateLimit"].endswith('"tenant";r=39;t=1')
    for answer in (first, second):
        assert POLICY.fullmatch(answer["RateLimit-Policy"])
        assert STATE.fullmatch(answer["RateLimit"])


def test_a_wait_is_never_shorter_than_what_the_field_says(limits: Any, world: World) -> None:
    limits(token="1/60")
    alice = Asking(world.alice)
    alice.get("/me")
    refused = alice.get("/me")
    again = re.fullmatch(r'"token";r=0;t=([0-9]+)', refused["RateLimit"])
    assert again
    assert int(refused["Retry-After"]) >= int(again[1]) > 50


def test_tokens_of_a_tenant_share_its_limit_and_another_tenants_do_not(limits: Any, world: World) -> None:
    limits(tenant="2/60")
    _, other = issue_token(actor=SYSTEM, name="other", tenant=world.archipel, role=Role.VIEWER)
    client = Client()
    for token in (world.alice.token, other, world.bob.token):  # each becomes known
        assert ask(client, token).status_code == 200
    assert [ask(client, token).status_code for token in (world.alice.token, other)] == [200, 200]
    assert read(ask(client, other))["detail"].startswith("Your tenant sent more than 2 requests in 60 s")
    assert ask(client, world.alice.token).status_code == 429
    assert ask(client, world.bob.token).status_code == 200


def test_a_revoked_token_no_longer_counts_for_its_tenant(limits: Any, world: World) -> None:
    limits(tenant="3/60")
    row, token = issue_token(actor=SYSTEM, name="old", tenant=world.archipel, role=Role.VIEWER)
    client = Client()
    assert ask(client, token).status_code == 200
    row.revoked_at = row.created_at
    row.save(update_fields=["revoked_at"])
    assert [ask(client, token).status_code for _ in range(6)] == [401] * 6


def test_an_address_is_counted_whatever_token_it_shows(limits: Any) -> None:
    limits(address="3/60")
    client = Client()
    found = [ask(client, f"nesoi_{number}").status_code for number in range(5)]
    assert found == [401, 401, 401, 429, 429]
    assert ask(client, "nesoi_x", REMOTE_ADDR="192.0.2.9").status_code == 401
    six = [ask(client, "x", REMOTE_ADDR=f"2001:db8::{end}").status_code for end in range(1, 5)]
    assert six == [401, 401, 401, 429], "one /64 is one customer"


def test_nobody_chooses_the_address_they_are_counted_for(limits: Any) -> None:
    limits(address="2/60")
    client = Client()
    found = [ask(client, "x", HTTP_X_FORWARDED_FOR=f"192.0.2.{number}").status_code for number in range(1, 4)]
    assert found == [401, 401, 429]


def test_minting_is_counted_more_strictly_than_reading(limits: Any, world: World) -> None:
    limits(token="100/10", minting="1/60")
    alice = Asking(world.alice)
    assert alice.post("/tokens", {"name": "one", "role": "viewer"}).status_code == 201
    refused = alice.post("/tokens", {"name": "two", "role": "viewer"})
    assert problem(refused) == (429, CODE)
    assert "for credentials, sent more than 1 requests in 60 s" in read(refused)["detail"]
    assert refused["RateLimit-Policy"] == '"token";q=100;w=10, "minting";q=1;w=60'
    assert alice.get("/tokens").status_code == 200


def test_a_refused_request_changes_nothing(limits: Any, world: World) -> None:
    limits(token="2/60")
    alice = Asking(world.alice)
    alice.order(name="one")
    alice.order(name="two")
    assert alice.post("/runtimes", {}).status_code == 429
    assert {runtime["name"] for runtime in read(Asking(world.vera).get("/runtimes"))["results"]} == {
        "one", "two",
    }  # fmt: skip


def test_attempts_to_sign_in_are_counted_for_the_address_whatever_the_name(limits: Any) -> None:
    limits(sign_in="2/60")
    client = Client()
    tried = [
        client.post("/sign-in", {"username": f"u{number}", "password": "x"}).status_code
        for number in range(3)
    ]
    assert tried == [422, 422, 429]
    assert client.get("/sign-in").status_code == 200


def test_sign_ups_for_trials_are_counted_and_a_page_elsewhere_can_read_so(
    limits: Any, settings: Settings
) -> None:
    limits(trials="1/60")
    settings.TRIAL_ORIGINS = ["https://www.example.com"]
    client = Client(headers={"Origin": "https://www.example.com"})
    assert client.post("/api/v1/trials", {}, content_type="application/json").status_code == 422
    refused = client.post("/api/v1/trials", {}, content_type="application/json")
    assert refused.status_code == 429
    assert refused["Access-Control-Allow-Origin"] == "https://www.example.com"
    assert "Retry-After" in refused["Access-Control-Expose-Headers"]
    stranger = client.post(
        "/api/v1/trials", {}, content_type="application/json", headers={"Origin": "https://evil.example"}
    )
    assert (stranger.status_code, stranger.has_header("Access-Control-Allow-Origin")) == (429, False)


def test_the_console_answers_with_a_page(limits: Any, world: World) -> None:
    limits(token="2/60")
    client = browse(world.alice)
    assert client.get("/").status_code == 200
    client.get("/")
    refused = client.get("/")
    assert refused.status_code == 429
    assert refused["Retry-After"]
    assert "Too many requests This token or session sent more than 2 requests" in text(refused)
    assert "default-src 'none'" in refused["Content-Security-Policy"]


def test_the_broker_answers_in_its_own_words(limits: Any, world: World) -> None:
    limits(token="5/60", tenant="2/60")
    row, secret = issue_credential(actor=SYSTEM, name="cf", tenant=world.archipel)
    headers = {
        "Authorization": basic(row.username, secret),
        "X-Broker-API-Version": "2.17",
        "X-Broker-API-Request-Identity": "0d9fa2b4-6e1c-4f6a-8f7e-0f6c3e1d1a11",
    }
    client = Client(headers=headers)
    assert [client.get("/osb/v2/catalog").status_code for _ in range(3)] == [200] * 3
    refused = client.get("/osb/v2/catalog")
    assert refused.status_code == 429
    body = json.loads(refused.content)
    assert body["error"] == "RateLimited"
    assert body["description"].startswith("Your tenant sent more than 2 requests in 60 s; try again in ")
    assert set(body) == {"error", "description"}
    assert refused["X-Broker-API-Request-Identity"] == headers["X-Broker-API-Request-Identity"]


def test_probes_are_never_refused(limits: Any) -> None:
    limits(address="1/60")
    client = Client()
    assert [client.get("/healthz").status_code for _ in range(5)] == [200] * 5


def test_without_limits_nothing_is_counted_or_said(limits: Any, world: World) -> None:
    limits()
    assert not Asking(world.alice).get("/me").has_header("RateLimit")


def test_every_operation_tells_of_them() -> None:
    document = read(Asking().get("/schema"))
    for path, methods in document["paths"].items():
        for operation in methods.values():
            headers = operation["responses"]["429"]["headers"]
            assert headers.keys() == {"Retry-After", "RateLimit-Policy", "RateLimit"}, path
            for status, answer in operation["responses"].items():
                if status < "400":
                    assert answer["headers"].keys() >= {"RateLimit-Policy", "RateLimit"}, path
    examples = operation["responses"]["429"]["headers"]
    assert POLICY.fullmatch(examples["RateLimit-Policy"]["example"])
    assert STATE.fullmatch(examples["RateLimit"]["example"])


def ask(client: Client, token: str, **environ: Any) -> Any:
    return client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}, **environ)
