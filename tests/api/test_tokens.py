"""Who is let in, and what the others are told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils.timezone import now

from controlplane.tenants.models import ApiToken
from tests.api.asking import Asking, problem, read
from tests.world import World

pytestmark = pytest.mark.django_db


def test_without_a_token_there_is_nothing(world: World) -> None:
    response = Asking().get("/runtimes")
    assert problem(response) == (401, "token_missing")
    assert response["WWW-Authenticate"] == 'Bearer realm="nesoi"'


@pytest.mark.parametrize(
    "header", ["nonsense", "Basic eDp5", "Bearer", "Bearer a b", "Bearer \xe9", "Bearer " + "x" * 600]
)
def test_a_malformed_token_is_told_apart(world: World, header: str) -> None:
    response = Asking().get("/runtimes", Authorization=header)
    assert problem(response) == (401, "token_invalid")
    assert 'error="invalid_token"' in response["WWW-Authenticate"]


def test_an_unknown_token_is_invalid(world: World) -> None:
    assert problem(Asking(token="nesoi_unknown").get("/runtimes")) == (401, "token_invalid")


def test_an_expired_token_says_so(alice: Asking, world: World) -> None:
    ApiToken.objects.filter(tenant=world.archipel).update(expires_at=now() - timedelta(seconds=1))
    assert problem(alice.get("/runtimes")) == (401, "token_expired")


def test_a_revoked_token_is_invalid(alice: Asking, world: World) -> None:
    ApiToken.objects.filter(tenant=world.archipel).update(revoked_at=now())
    assert problem(alice.get("/runtimes")) == (401, "token_invalid")


def test_the_word_bearer_has_no_case(world: World) -> None:
    assert Asking().get("/me", Authorization=f"bearer {world.alice.token}").status_code == 200


def test_a_token_tells_who_it_speaks_for(alice: Asking, vera: Asking, sam: Asking) -> None:
    me = read(alice.get("/me"))
    assert (me["tenant"]["slug"], me["role"], me["platform_role"]) == ("archipel", "admin", None)
    told = set(read(vera.get("/me"))["permissions"])
    assert told == {"runtime.read", "runtime.kubeconfig.view", "member.read", "quota.read", "footprint.read"}
    me = read(sam.get("/me"))
    assert (me["tenant"], me["role"], me["platform_role"]) == (None, None, "sre")
