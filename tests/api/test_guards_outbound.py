"""The guard of addresses that a tenant chooses (SSRF): an identity provider's leads to nothing inside, whatever it is called."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from controlplane.identity.models import IdentityProvider
from tests.identity_providers import LyingProvider, lying_provider, register
from tests.signed_in import browse
from tests.world import World

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[2]
INSIDE = [
    "127.0.0.1", "10.0.0.5", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "::1", "fd00::1", "fe80::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
]  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_is_kept() -> None:
    cache.clear()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every connection that somebody tries."""
    made: list[Any] = []

    def connect(target: Any, *_: Any, **__: Any) -> socket.socket:
        made.append(target)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    return made


def typed(issuer: str) -> dict[str, str]:
    return {
        "name": "SSO", "issuer": issuer, "client_id": "nesoi", "client_secret": "s", "scopes": "openid",
        "groups_claim": "groups", "group_roles": "", "domains": "archipel.example", "contact": "", "enabled": "on",
    }  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_a_name_that_leads_inside_is_not_called(
    world: World, calls: list[Any], monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    found = [(0, 0, 0, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kw: found)
    answer = browse(world.alice).post("/identity/new", typed("https://idp.example"))
    assert answer.status_code == 422
    assert calls == []
    assert not IdentityProvider.objects.exists()


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "169.254.169.254", "[::1]", "2130706433", "0x7f.1", "localhost"]
)
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_an_address_that_is_inside_is_not_called(
    world: World, calls: list[Any], scheme: str, address: str
) -> None:
    answer = browse(world.alice).post("/identity/new", typed(f"{scheme}://{address}:8443"))
    assert (answer.status_code, calls) == (422, [])


def test_a_public_name_is_called(world: World, calls: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(0, 0, 0, "", ("93.184.216.34", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kw: found)
    browse(world.alice).post("/identity/new", typed("https://idp.example"))
    assert calls == [("93.184.216.34", 443)]


def test_a_public_name_over_plain_http_is_not_called(
    world: World, calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes back could be anybody's, and the client's secret would be readable on the way."""
    found = [(0, 0, 0, "", ("93.184.216.34", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kw: found)
    answer = browse(world.alice).post("/identity/new", typed("http://idp.example"))
    assert (answer.status_code, calls) == (422, [])
    provider = register("https://idp.example", world.archipel)
    IdentityProvider.objects.update(issuer="http://idp.example")  # as if that guard had failed
    assert Client().get(f"/sign-in/with/{provider.id}").status_code == 422
    assert calls == []


def test_a_provider_can_not_send_us_to_plain_http(world: World, settings: Any) -> None:
    with lying_provider() as liar:
        settings.OUTBOUND_PLAIN_HOSTS = [liar.issuer.removeprefix("http://")]
        settings.OUTBOUND_PRIVATE_NETWORKS = ["127.0.0.1/32"]
        for key in ("token_endpoint", "jwks_uri", "userinfo_endpoint"):
            cache.clear()
            liar.metadata = {key: "http://idp.example/"}
            assert not registers(world, liar), key


def test_a_provider_that_moved_inside_since_is_not_called_at_sign_in(
    world: World, calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = register("https://idp.example", world.archipel)
    found = [(0, 0, 0, "", ("169.254.169.254", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kw: found)
    assert Client().get(f"/sign-in/with/{provider.id}").status_code == 422
    assert calls == []


def test_what_a_provider_names_is_looked_at_like_itself(world: World, settings: Any) -> None:
    with lying_provider() as liar:
        settings.OUTBOUND_PLAIN_HOSTS = [liar.issuer.removeprefix("http://")]
        settings.OUTBOUND_PRIVATE_NETWORKS = ["127.0.0.1/32"]
        assert registers(world, liar)
        for key in ("token_endpoint", "jwks_uri", "userinfo_endpoint"):
            cache.clear()
            IdentityProvider.objects.all().delete()
            liar.metadata = {key: "http://169.254.169.254/latest/meta-data/"}
            assert not registers(world, liar), key


def registers(world: World, liar: LyingProvider) -> bool:
    return browse(world.alice).post("/identity/new", typed(liar.issuer)).status_code == 302


def test_no_other_room_calls_out_by_itself() -> None:
    """Landscapes are an operator's, and have a client of their own; what a tenant names goes through controlplane.outbound."""
    calling = re.compile(
        r"^\s*(?:import|from) (requests|urllib3?\.request|http\.client|httpx|aiohttp|urllib3)\b", re.MULTILINE
    )
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "controlplane").rglob("*.py")
        if calling.search(path.read_text())
    }
    assert found <= {"controlplane/outbound/client.py", *OF_THE_STACK}, found


OF_THE_STACK = {
    str(path.relative_to(ROOT))
    for folder in ("embedded", "config/demo")
    for path in (ROOT / "controlplane" / folder).rglob("*.py")
}
