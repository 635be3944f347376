"""Signing in with an identity provider that runs as a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.cache import cache
from django.test import Client

from controlplane.identity.models import Identity, IdentityProvider
from controlplane.identity.providers import Wish, change_provider, confirm_domain
from controlplane.tenants.models import AuditEvent, Member, User
from tests.identity_providers import GROUPS, OPERATOR, agree, allow, introduce, real_provider, register
from tests.signed_in import present, text
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with real_provider() as running:
        yield running


@pytest.fixture
def provider(world: World, settings: Any, issuer: str) -> IdentityProvider:
    cache.clear()
    allow(settings, issuer)
    introduce(issuer, "ada", email="ada@archipel.example", email_verified=True, groups=["ops"])
    return register(issuer, world.archipel)


def come_in(client: Client, provider: IdentityProvider, subject: str = "ada", query: str = "") -> Any:
    away = client.get(f"/sign-in/with/{provider.id}{query}")
    assert away.status_code == 302, text(away)
    return client.get(agree(away["Location"], subject))


def test_a_person_comes_in_with_the_role_of_their_group(provider: IdentityProvider) -> None:
    client = Client()
    assert come_in(client, provider, query="?next=/accounts/")["Location"] == "/accounts/"
    assert "developer of Archipel" in text(client.get("/accounts/"))
    user = Identity.objects.get(provider=provider, subject="ada").user
    assert user.username == "archipel/ada@archipel.example"
    assert user.email == ""  # nobody has confirmed whose the domain is
    assert not user.has_usable_password()
    found = set(AuditEvent.objects.filter(tenant=provider.tenant).values_list("action", flat=True))
    assert {"user.create", "member.set", "session.begin"} <= found


def test_what_is_sent_along_is_fresh_each_time_and_bound_to_the_registered_address(
    provider: IdentityProvider, settings: Any
) -> None:
    settings.PUBLIC_URL = "https://nesoi.example.com"
    asked = [
        parse_qs(urlsplit(Client().get(f"/sign-in/with/{provider.id}")["Location"]).query) for _ in range(2)
    ]
    assert asked[0]["redirect_uri"] == [f"https://nesoi.example.com/sign-in/callback/{provider.id}"]
    assert asked[0]["code_challenge_method"] == ["S256"]
    for fresh in ("state", "nonce", "code_challenge"):
        assert asked[0][fresh] != asked[1][fresh]
        assert len(asked[0][fresh][0]) >= 43


def test_the_second_time_it_is_the_same_person(provider: IdentityProvider) -> None:
    come_in(Client(), provider)
    come_in(Client(), provider)
    assert Identity.objects.filter(provider=provider).count() == 1


def test_the_sessions_key_changes_at_sign_in(provider: IdentityProvider) -> None:
    client = Client()
    away = client.get(f"/sign-in/with/{provider.id}")
    before = client.session.session_key
    client.get(agree(away["Location"], "ada"))
    assert client.session.session_key != before
    assert "sign-in" not in client.session


def test_an_answer_counts_once(provider: IdentityProvider) -> None:
    client = Client()
    back = agree(client.get(f"/sign-in/with/{provider.id}")["Location"], "ada")
    assert client.get(back).status_code == 302
    client.post("/sign-out")
    again = client.get(back)
    assert again.status_code == 403
    assert "sign_in_unknown" in text(again)


def test_a_used_code_with_a_fresh_state_is_refused_by_the_provider(provider: IdentityProvider) -> None:
    first, second = Client(), Client()
    back = agree(first.get(f"/sign-in/with/{provider.id}")["Location"], "ada")
    first.get(back)
    code = parse_qs(urlsplit(back).query)["code"][0]
    state = parse_qs(urlsplit(second.get(f"/sign-in/with/{provider.id}")["Location"]).query)["state"][0]
    answer = second.get(f"/sign-in/callback/{provider.id}", {"code": code, "state": state})
    assert answer.status_code == 403
    assert "code_refused" in text(answer)
    assert second.get("/").status_code == 302


def test_nobody_is_signed_in_by_an_answer_that_another_browser_asked_for(provider: IdentityProvider) -> None:
    attacker, victim = Client(), Client()
    back = agree(attacker.get(f"/sign-in/with/{provider.id}")["Location"], "mallory")
    assert victim.get(back).status_code == 403
    victim.get(f"/sign-in/with/{provider.id}")  # even while they are signing in themselves
    assert victim.get(back).status_code == 403
    assert victim.get("/").status_code == 302


def test_an_answer_counts_for_ten_minutes(provider: IdentityProvider) -> None:
    client = Client()
    back = agree(client.get(f"/sign-in/with/{provider.id}")["Location"], "ada")
    session = client.session
    session["sign-in"][str(provider.id)]["at"] -= 601
    session.save()
    assert "took too long" in text(client.get(back))


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_nobody_is_led_to_another_site_afterwards(provider: IdentityProvider, target: str) -> None:
    assert come_in(Client(), provider, query=f"?next={target}")["Location"] == "/"


def test_somebody_without_a_mapped_group_is_told_whom_to_ask_and_leaves_nothing_behind(
    provider: IdentityProvider, issuer: str
) -> None:
    introduce(issuer, "eve", email="eve@archipel.example", groups=["kitchen"])
    wish = Wish("Archipel SSO", "nesoi", contact="it-help@archipel.example", group_roles=GROUPS)
    change_provider(actor=OPERATOR, provider_id=provider.id, wish=wish)
    people = User.objects.count()
    answer = come_in(Client(), provider, "eve")
    assert answer.status_code == 403
    assert "none of your groups gives you a role in Archipel. Ask it-help@archipel.example." in text(answer)
    assert User.objects.count() == people
    assert AuditEvent.objects.filter(action="session.refuse").exists()


def test_who_lost_the_group_is_out_at_the_next_sign_in_and_out_of_every_page_at_once(
    provider: IdentityProvider, issuer: str
) -> None:
    inside = Client()
    come_in(inside, provider)
    introduce(issuer, "ada", email="ada@archipel.example", groups=[])
    assert come_in(Client(), provider).status_code == 403
    assert inside.get("/")["Location"].startswith("/sign-in")
    assert not Member.objects.filter(tenant=provider.tenant).exists()


def test_a_refusal_at_the_provider_is_a_page(provider: IdentityProvider) -> None:
    client = Client()
    client.get(f"/sign-in/with/{provider.id}")
    state = client.session["sign-in"][str(provider.id)]["state"]
    answer = client.get(f"/sign-in/callback/{provider.id}", {"error": "access_denied", "state": state})
    assert answer.status_code == 403
    assert "You did not agree to sign in" in text(answer)


@pytest.mark.parametrize(
    "query",
    ["", "?code=a", "?state=b", "?code=a&state=b", "?error=<script>", "?code=%00&state=%00", "?iss=x&code=a"],
)
def test_whatever_an_answer_carries_there_is_a_page(provider: IdentityProvider, query: str) -> None:
    client = Client()
    client.get(f"/sign-in/with/{provider.id}")
    answer = client.get(f"/sign-in/callback/{provider.id}{query}")
    assert answer.status_code == 403
    assert "<script>&" not in answer.content.decode()
    assert "You are not signed in" in text(answer)


def test_an_address_of_a_confirmed_domain_leads_to_its_provider(provider: IdentityProvider) -> None:
    wish = Wish("Archipel SSO", "nesoi", domains=["archipel.example"])
    change_provider(actor=OPERATOR, provider_id=provider.id, wish=wish)
    asked = {"email": "Ada@Archipel.Example", "next": "/accounts/"}
    assert Client().post("/sign-in/company", asked).status_code == 422
    confirm_domain(actor=OPERATOR, provider_id=provider.id, domain="archipel.example")
    assert "Your work e-mail" in text(Client().get("/sign-in"))
    onward = Client().post("/sign-in/company", asked)
    assert f'href="/sign-in/with/{provider.id}?next=%2Faccounts%2F"' in onward.content.decode()


def test_the_platforms_provider_is_offered_to_everybody_and_gives_platform_roles(
    world: World, settings: Any, issuer: str
) -> None:
    cache.clear()
    allow(settings, issuer)
    introduce(issuer, "sid", email="sid@platform.example", groups=["oncall"])
    ours = register(issuer, None, name="Staff", group_roles={"oncall": "sre"})
    assert "Sign in with Staff" in text(Client().get("/sign-in"))
    client = Client()
    come_in(client, ours, "sid")
    assert "sre of the platform" in text(client.get("/"))


def test_a_provider_that_is_off_lets_nobody_in_and_ends_what_began_there(provider: IdentityProvider) -> None:
    inside = Client()
    come_in(inside, provider)
    assert inside.get("/").status_code == 200
    wish = Wish("Archipel SSO", "nesoi", enabled=False)
    change_provider(actor=OPERATOR, provider_id=provider.id, wish=wish)
    assert inside.get("/").status_code == 302
    assert Client().get(f"/sign-in/with/{provider.id}").status_code == 404


def test_signing_out_says_where_else_one_is_signed_in(provider: IdentityProvider, issuer: str) -> None:
    client = Client()
    come_in(client, provider)
    answer = client.post("/sign-out", follow=True)
    assert "You are signed out of Nesoi" in text(answer)
    assert (
        f'href="{issuer}/oauth2/end_session?client_id=nesoi&amp;post_logout_redirect_uri='
        in answer.content.decode()
    )
    assert client.get("/").status_code == 302


def test_a_person_of_another_tenant_is_not_taken_for_their_address(
    world: World, provider: IdentityProvider, issuer: str
) -> None:
    present(world.bob)  # bob@example.org
    introduce(issuer, "thief", email="bob@example.org", email_verified=True, groups=["ops"])
    come_in(Client(), provider, "thief")
    assert Identity.objects.get(subject="thief").user != world.bob.user
