"""Identity providers over the API: registered, changed, tried, removed; the secret goes in and never comes out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from pytest_django import Settings

from controlplane.identity.models import IdentityProvider, ProviderDomain
from controlplane.identity.providers import client_of
from controlplane.tenants.access import Role
from controlplane.tenants.models import AuditEvent
from tests.api.asking import Asking, problem, read
from tests.identity_providers import allow, real_provider, register
from tests.world import World, member

pytestmark = pytest.mark.django_db

SECRET = "only-both-sides-know-this"
ISSUER = "https://idp.archipel.example"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with real_provider() as found:
        yield found


@pytest.fixture(autouse=True)
def fresh() -> None:
    cache.clear()


def wish(where: str, **changes: object) -> dict[str, object]:
    return {
        "name": "Archipel SSO",
        "issuer": where,
        "client_id": "nesoi",
        "client_secret": SECRET,
        "group_roles": {"ops": "developer"},
        "domains": ["Archipel.example"],
        **changes,
    }


def test_one_is_registered_changed_tried_and_removed(alice: Asking, issuer: str, settings: Settings) -> None:
    allow(settings, issuer)
    response = alice.post("/identity-providers", wish(issuer), Idempotency_Key="k1")
    told = read(response)
    assert response.status_code == 201
    assert response["Location"] == told["url"]
    assert told["redirect_uri"].endswith(f"/sign-in/callback/{told['id']}")
    assert (told["has_secret"], told["enabled"], told["group_roles"]) == (True, True, {"ops": "developer"})
    assert told["domains"] == [{"domain": "archipel.example", "confirmed": False}]
    again = alice.post("/identity-providers", wish(issuer), Idempotency_Key="k1")
    assert read(again) == told
    path = f"/identity-providers/{told['id']}"
    changed = read(alice.patch(path, {"name": "Other", "enabled": False}))
    assert changed == {**told, "name": "Other", "enabled": False}
    found = read(alice.post(f"{path}/test"))
    assert (found["usable"], found["problem"]) == (True, None)
    assert found["signing_keys"] >= 1
    assert str(found["token_endpoint"]).startswith(issuer)
    assert alice.delete(path).status_code == 200
    assert problem(alice.get(path)) == (404, "provider_not_found")
    assert read(alice.get("/identity-providers"))["results"] == []


def test_the_secret_is_told_nowhere_and_stays_unless_replaced(
    alice: Asking, issuer: str, settings: Settings
) -> None:
    allow(settings, issuer)
    answers = [alice.post("/identity-providers", wish(issuer))]
    path = f"/identity-providers/{read(answers[0])['id']}"
    answers += [alice.get("/identity-providers"), alice.get(path), alice.patch(path, {"contact": "Ada"})]
    row = IdentityProvider.objects.get()
    assert client_of(row, "https://x.example").client_secret == SECRET
    answers.append(alice.patch(path, {"client_secret": "another-one"}))
    row.refresh_from_db()
    assert client_of(row, "https://x.example").client_secret == "another-one"
    answers.append(alice.patch(path, {"client_secret": ""}))
    assert read(answers[-1])["has_secret"] is False
    told = b"".join(answer.content for answer in answers).decode() + str(list(AuditEvent.objects.values()))
    assert SECRET not in told
    assert "another-one" not in told


def test_domains_that_were_confirmed_stay_so(alice: Asking, world: World) -> None:
    row = register(ISSUER, world.archipel, domains=["archipel.example"])
    ProviderDomain.objects.update(confirmed_at="2026-01-01T00:00Z")
    told = read(
        alice.patch(f"/identity-providers/{row.id}", {"domains": ["archipel.example", "new.example"]})
    )
    assert {one["domain"]: one["confirmed"] for one in told["domains"]} == {
        "archipel.example": True,
        "new.example": False,
    }


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"issuer": "https://127.0.0.1"}, {"issuer_invalid", "provider_address_refused"}),
        ({"issuer": "ftp://idp.example"}, {"issuer_invalid"}),
        ({"issuer": "https://idp.archipel.example?x=1"}, {"issuer_invalid"}),
        ({"name": ""}, {"too_short"}),
        ({"group_roles": {"ops": "sre"}}, set()),
        ({"secret": "x"}, set()),
    ],
)
def test_what_can_not_be_is_refused_and_nobody_is_called(
    alice: Asking, changes: dict[str, object], codes: set[str]
) -> None:
    status, code = problem(alice.post("/identity-providers", wish(ISSUER, **changes)))
    assert status == 422
    assert not codes or code in codes
    assert not IdentityProvider.objects.exists()


def test_an_issuer_that_does_not_answer_is_not_registered(alice: Asking, settings: Settings) -> None:
    allow(settings, "http://127.0.0.1:9")
    assert problem(alice.post("/identity-providers", wish("http://127.0.0.1:9"))) == (
        422,
        "provider_unusable",
    )
    assert not IdentityProvider.objects.exists()


def test_an_issuer_is_registered_once(alice: Asking, world: World) -> None:
    register(ISSUER, world.archipel)
    assert problem(alice.post("/identity-providers", wish(ISSUER))) == (409, "issuer_taken")


def test_a_try_says_what_is_wrong_and_is_not_repeated_at_once(
    alice: Asking, world: World, settings: Settings
) -> None:
    allow(settings, "http://127.0.0.1:9")
    path = f"/identity-providers/{register('http://127.0.0.1:9', world.archipel).id}/test"
    found = read(alice.post(path))
    assert found["usable"] is False
    assert found["problem"]["code"] == "provider_unusable"
    assert found["token_endpoint"] is None
    again = alice.post(path)
    assert problem(again) == (429, "tried_lately")
    assert again["Retry-After"] == "5"


def test_only_an_owner_lets_a_group_become_owners(alice: Asking, world: World) -> None:
    row = register(ISSUER, world.archipel)
    change = {"group_roles": {"boss": "owner"}}
    assert problem(alice.patch(f"/identity-providers/{row.id}", change)) == (403, "owner_mapping")
    olga = Asking(member("olga", world.archipel, Role.OWNER))
    assert read(olga.patch(f"/identity-providers/{row.id}", change))["group_roles"] == {"boss": "owner"}
    assert problem(alice.delete(f"/identity-providers/{row.id}")) == (403, "owner_mapping")


def test_another_tenant_s_and_the_platform_s_are_not_there(bob: Asking, world: World) -> None:
    theirs, ours = (
        register(ISSUER, world.archipel),
        register("https://idp.platform.example", None, group_roles={}),
    )
    for row in (theirs, ours):
        path = f"/identity-providers/{row.id}"
        for method in ("GET", "PATCH", "DELETE"):
            assert problem(bob.ask(method, path, {} if method == "PATCH" else None, {})) == (
                404,
                "provider_not_found",
            )
        assert problem(bob.post(f"{path}/test")) == (404, "provider_not_found")
    assert read(bob.get("/identity-providers"))["results"] == []
    assert IdentityProvider.objects.count() == 2
