"""`manage.py identity`: what an operator does on the machine itself."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command

from controlplane.identity.models import IdentityProvider
from tests.identity_providers import LyingProvider, allow, lying_provider
from tests.signed_in import present
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def liar(settings: Any) -> Iterator[LyingProvider]:
    cache.clear()
    with lying_provider() as running:
        allow(settings, running.issuer)
        yield running


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("identity", *words, stdout=out)
    return out.getvalue()


def add(liar: LyingProvider, *more: str) -> str:
    return run(
        "provider", "add", "--name", "SSO", "--issuer", liar.issuer, "--client-id", "nesoi",
        "--group", "ops=developer", "--domain", "Archipel.Example", *more,
    )  # fmt: skip


def test_a_provider_is_registered_listed_switched_and_removed(
    world: World, liar: LyingProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    present(world.archipel)
    monkeypatch.setattr("sys.stdin", io.StringIO("sealed-secret\n"))
    said = add(liar, "--tenant", "archipel")
    provider = IdentityProvider.objects.get()
    assert f"/sign-in/callback/{provider.id}" in said
    assert provider.client_secret
    assert b"sealed-secret" not in bytes(provider.client_secret)
    assert "archipel.example (not confirmed)" in run("provider", "list")
    run("domain", "confirm", str(provider.id), "archipel.example")
    assert "archipel.example (confirmed)" in run("provider", "list")
    run("provider", "disable", str(provider.id))
    assert "  off  " in run("provider", "list")
    run("provider", "enable", str(provider.id))
    assert "  on  " in run("provider", "list")
    run("provider", "remove", str(provider.id))
    assert run("provider", "list") == ""


def test_what_is_wrong_ends_with_a_sentence(world: World, liar: LyingProvider) -> None:
    present(world.archipel)
    for more, words in (
        (["--tenant", "nowhere"], "no tenant"),
        (["--group", "ops"], "not GROUP=ROLE"),
        (["--group", "ops=king"], "is no role"),
        (["--issuer", "http://idp.example"], "https://"),
    ):
        with pytest.raises(CommandError, match=words):
            add(liar, "--public-client", *more)
    with pytest.raises(CommandError, match="no such identity provider"):
        run("provider", "disable", "00000000-0000-7000-8000-000000000000")


def test_an_issuer_that_is_not_who_it_says_is_not_registered(world: World, liar: LyingProvider) -> None:
    liar.metadata = {"issuer": "https://evil.example"}
    with pytest.raises(CommandError, match="names another issuer"):
        add(liar, "--public-client")
