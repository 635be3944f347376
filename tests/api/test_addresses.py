"""Links lead to where people are, and the trail shows where they came from."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import Client, override_settings

from controlplane.tenants.models import AuditEvent
from tests.api.asking import Asking, read
from tests.signed_in import present, text
from tests.world import PASSWORD, World

pytestmark = pytest.mark.django_db

PUBLIC = "https://nesoi.example.com"
ACCOUNT = {"slug": "labor", "name": "Labor"}


def links(body: Any) -> list[str]:
    """Every absolute link inside an answer."""
    if isinstance(body, list):
        return [link for entry in body for link in links(entry)]
    if isinstance(body, dict):
        return [link for entry in body.values() for link in links(entry)]
    return [body] if isinstance(body, str) and body.startswith("http") else []


@override_settings(PUBLIC_URL=PUBLIC)
def test_every_link_begins_with_the_public_address(alice: Asking) -> None:
    alice.order(name="one")
    ordered = alice.post(
        "/runtimes",
        {"account": "shop", "name": "two", "plan": "aws", "parameters": {"region": "eu-central-1"}},
    )
    assert ordered["Location"].startswith(f"{PUBLIC}/api/v1/operations/")
    page = read(alice.get("/runtimes?limit=1"))
    assert page["next"].startswith(f"{PUBLIC}/api/v1/runtimes?")
    found = links([read(alice.get(path)) for path in ("/", "/plans", "/accounts", "/operations")])
    found += links([page, read(ordered)])
    assert len(found) > 10
    assert [link for link in found if not link.startswith(PUBLIC)] == []


@override_settings(PUBLIC_URL="")
def test_without_one_links_begin_with_the_host_that_was_asked(alice: Asking) -> None:
    assert {link.split("/api/")[0] for link in links(read(alice.get("/")))} == {"http://testserver"}


def seen(world: World, peer: str, header: str) -> str:
    """The address that the audit trail notes for a request."""
    client = Client(
        REMOTE_ADDR=peer,
        headers={"Authorization": f"Bearer {world.alice.token}", "X-Forwarded-For": header},
    )
    answer = client.post("/api/v1/accounts", ACCOUNT, content_type="application/json")
    assert answer.status_code == 201, answer.content
    return AuditEvent.objects.get(action="account.create", target_id=answer.json()["id"]).address


def test_the_trail_ignores_what_a_client_claims_about_its_address(world: World) -> None:
    assert seen(world, "203.0.113.9", "198.51.100.1") == "203.0.113.9"


@override_settings(TRUSTED_PROXIES=["10.0.0.0/8"])
def test_the_trail_shows_the_client_that_a_trusted_proxy_names(world: World) -> None:
    assert seen(world, "10.0.0.1", "1.1.1.1, 198.51.100.1") == "198.51.100.1"


@override_settings(TRUSTED_PROXIES=["10.0.0.0/8"])
def test_somebody_who_comes_around_the_proxy_cannot_choose_an_address(world: World) -> None:
    assert seen(world, "203.0.113.9", "198.51.100.1") == "203.0.113.9"


@override_settings(TRUSTED_PROXIES=["1"])
def test_failed_sign_ins_are_counted_by_client_behind_a_proxy(world: World) -> None:
    present(world.alice)
    cache.clear()
    for invented in range(10):
        attempt = {"X-Forwarded-For": f"1.1.1.{invented}, 198.51.100.1"}
        Client(REMOTE_ADDR="10.0.0.1", headers=attempt).post(
            "/sign-in", {"username": "alice", "password": "wrong"}
        )
    same = Client(REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": "9.9.9.9, 198.51.100.1"})
    assert "Too many attempts" in text(same.post("/sign-in", {"username": "alice", "password": PASSWORD}))
    other = Client(REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": "198.51.100.2"})
    assert other.post("/sign-in", {"username": "alice", "password": PASSWORD}).status_code == 302


def scheme(peer: str) -> str:
    """The scheme of the links that a request over a proxy gets."""
    answer = Client(REMOTE_ADDR=peer, headers={"X-Forwarded-Proto": "https"}).get("/api/v1/")
    return str(answer.json()["plans"].split(":")[0])


BEHIND = {"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"), "PUBLIC_URL": ""}


@override_settings(PUBLIC_URL="")
def test_nobody_makes_a_request_secure_by_saying_so() -> None:
    assert scheme("203.0.113.9") == "http"


@override_settings(**BEHIND, TRUSTED_PROXIES=["10.0.0.0/8"])
def test_only_a_trusted_proxy_makes_a_request_secure_by_saying_so() -> None:
    assert scheme("10.0.0.1") == "https"
    assert scheme("203.0.113.9") == "http"


@override_settings(TRUSTED_PROXIES=["everybody"])
def test_trusted_proxies_that_mean_nothing_are_refused_at_the_start() -> None:
    with pytest.raises(SystemCheckError, match=r"nesoi\.E006"):
        call_command("check")


@pytest.mark.parametrize("public", ["", "http://nesoi.example.com", "https://nesoi.example.com/sub", "nesoi"])
def test_a_production_installation_needs_a_public_address_over_https(public: str) -> None:
    production = {"EMBEDDED": False, "SECRET_KEY": "k" * 40, "SECURE_COOKIES": True, "DEBUG": False}
    production["MODULE_REGISTRY"] = "registry.nesoi.dev/modules"
    with override_settings(**production, PUBLIC_URL=PUBLIC):
        call_command("check", tags=["nesoi"])
    with override_settings(**production, PUBLIC_URL=public), pytest.raises(SystemCheckError, match="E005"):
        call_command("check", tags=["nesoi"])
