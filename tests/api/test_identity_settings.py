"""A tenant's admins register their identity provider on a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache

from controlplane.identity.models import GroupRole, IdentityProvider
from controlplane.identity.providers import client_of
from controlplane.tenants.access import Role
from controlplane.tenants.models import AuditEvent
from tests.identity_providers import LyingProvider, allow, lying_provider, register
from tests.signed_in import browse, text
from tests.world import World, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def liar(settings: Any) -> Iterator[LyingProvider]:
    cache.clear()
    with lying_provider() as running:
        allow(settings, running.issuer)
        yield running


def typed(issuer: str, /, **changes: str) -> dict[str, str]:
    return {
        "name": "Acme SSO", "issuer": issuer, "client_id": "nesoi", "client_secret": "top-secret-value",
        "scopes": "openid email", "groups_claim": "groups", "group_roles": "ops=developer\nCN=a,DC=b=viewer",
        "domains": "Archipel.example\n", "contact": "it@archipel.example", "enabled": "on", **changes,
    }  # fmt: skip


def test_a_provider_is_registered_and_says_what_to_tell_it(world: World, liar: LyingProvider) -> None:
    alice = browse(world.alice)
    answer = alice.post("/identity/new", typed(liar.issuer))
    provider = IdentityProvider.objects.get()
    assert answer["Location"] == f"/identity/{provider.id}/"
    page = alice.get(answer["Location"])
    assert f"http://testserver/sign-in/callback/{provider.id}" in text(page)
    assert "top-secret-value" not in page.content.decode()
    assert client_of(provider, "").client_secret == "top-secret-value"
    found = dict(GroupRole.objects.values_list("group", "role"))
    assert found == {"ops": "developer", "CN=a,DC=b": "viewer"}
    assert "Not confirmed" in text(page)
    assert "archipel.example (not confirmed)" in text(alice.get("/identity/"))


def test_a_change_keeps_the_secret_that_is_not_typed_anew(world: World, liar: LyingProvider) -> None:
    provider = register(liar.issuer, world.archipel)
    alice = browse(world.alice)
    alice.post(f"/identity/{provider.id}/", typed("https://other.example", client_secret="", name="Renamed"))
    provider.refresh_from_db()
    assert (provider.name, provider.issuer) == ("Renamed", liar.issuer)  # an issuer never changes
    assert client_of(provider, "").client_secret == "a-secret-that-only-both-sides-know"
    alice.post(f"/identity/{provider.id}/", typed("", client_secret="new-one"))
    provider.refresh_from_db()
    assert client_of(provider, "").client_secret == "new-one"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"issuer": "http://idp.example"}, "must begin with https://"),
        ({"issuer": "https://10.0.0.1"}, "inside a private network"),
        ({"issuer": "https://user@idp.example"}, "neither a user nor a fragment"),
        ({"name": ""}, "must have 1 to 80 characters"),
        ({"client_id": "ä"}, "must have 1 to 200 letters"),
        ({"scopes": "email"}, "openid among them"),
        ({"group_roles": "ops=king"}, "is no role"),
        ({"group_roles": "ops"}, "is no role"),
        ({"domains": "not a domain"}, "is not a domain"),
        ({"name": "a\0b" * 41}, "must have 1 to 80 characters"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_kept(
    world: World, liar: LyingProvider, changes: dict[str, str], words: str
) -> None:
    answer = browse(world.alice).post("/identity/new", typed(liar.issuer, **changes))
    assert answer.status_code == 422
    assert words in text(answer)
    assert "top-secret-value" not in answer.content.decode()
    assert not IdentityProvider.objects.exists()


def test_an_issuer_that_names_itself_differently_is_refused_with_its_name(
    world: World, liar: LyingProvider
) -> None:
    liar.metadata = {"issuer": liar.issuer + "/"}
    answer = browse(world.alice).post("/identity/new", typed(liar.issuer))
    assert answer.status_code == 422
    assert "names another issuer" in text(answer)


def test_one_issuer_is_registered_once_for_a_tenant(world: World, liar: LyingProvider) -> None:
    register(liar.issuer, world.archipel)
    assert "registered already" in text(browse(world.alice).post("/identity/new", typed(liar.issuer)))
    register(liar.issuer, world.basalt)  # another tenant's people are others


def test_an_admin_cannot_make_owners_by_a_group(world: World, liar: LyingProvider) -> None:
    wanted = typed(liar.issuer, group_roles="chiefs=owner")
    answer = browse(world.alice).post("/identity/new", wanted)
    assert "Only an owner may let" in text(answer)
    olga = browse(member("olga", world.archipel, Role.OWNER))
    assert olga.post("/identity/new", wanted).status_code == 302


def test_removing_it_asks_first(world: World, liar: LyingProvider) -> None:
    provider = register(liar.issuer, world.archipel)
    alice = browse(world.alice)
    assert "0 people have signed in with it" in text(alice.get(f"/identity/{provider.id}/remove"))
    assert IdentityProvider.objects.exists()
    alice.post(f"/identity/{provider.id}/remove")
    assert not IdentityProvider.objects.exists()
    assert AuditEvent.objects.filter(action="identity.provider.remove").exists()


def test_the_menu_leads_admins_there_and_nobody_else(world: World) -> None:
    assert "Identity providers" in text(browse(world.alice).get("/accounts/"))
    assert "Identity providers" not in text(browse(world.vera).get("/accounts/"))
