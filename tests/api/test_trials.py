"""Strangers ask for trials over the API: the same answer for all, a secret to ask how it goes, and only websites on the list."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from controlplane.api.contract import contract_of
from controlplane.api.urls import urlpatterns
from controlplane.tenants.access import SYSTEM, PlatformRole, Role
from controlplane.tenants.services import issue_token
from controlplane.trials.checks.proof_of_work import solve
from controlplane.trials.models import SignUp
from tests.api.asking import Asking, problem, read
from tests.trialling import letters
from tests.world import World, member

pytestmark = pytest.mark.django_db
WISH = {"email": "ada@engine.example", "company": "Engine Works", "region": "eu-central-1"}
SITE = "https://www.example.com"


def ask(asking: Asking | None = None, *, headers: dict[str, str] | None = None, **changes: Any) -> Any:
    return (asking or Asking()).post("/trials", {**WISH, **changes}, **(headers or {}))


def test_asking_answers_with_an_id_a_secret_and_where_to_look() -> None:
    response = ask()
    body = read(response)
    assert response.status_code == 202
    assert set(body) == {"id", "secret", "status", "status_url"}
    assert (body["status"], body["status_url"]) == (
        "pending_verification",
        f"http://testserver/api/v1/trials/{body['id']}",
    )
    assert body["secret"] not in body["status_url"]
    assert letters()[0][1]["link"].startswith("http://testserver/trial/confirm/")


def test_how_it_goes_is_for_who_has_the_secret() -> None:
    mine, other = read(ask()), read(ask(email="bob@other.example"))
    found = Asking().get(f"/trials/{mine['id']}", X_Trial_Secret=mine["secret"])
    assert read(found)["status"] == "pending_verification"
    assert found["Cache-Control"] == "no-store"
    refused = [
        Asking().get(f"/trials/{mine['id']}"),
        Asking().get(f"/trials/{mine['id']}", X_Trial_Secret=other["secret"]),
        Asking().get(f"/trials/{SYSTEM.name}", X_Trial_Secret=mine["secret"]),
        Asking().get("/trials/019a5b3e-7c11-7f0a-9d7e-2f6b1f0e9a41", X_Trial_Secret=mine["secret"]),
        Asking().get(f"/trials/{mine['id']}", X_Trial_Secret="ä"),
    ]
    assert {problem(response) for response in refused} == {(404, "trial_not_found")}
    told = {read(response)["detail"] for response in refused}
    assert len(told) == 1


def test_no_role_sees_a_trial_without_its_secret(world: World) -> None:
    made = read(ask())
    tokens = [member(f"a-{role}", world.archipel, role).token for role in Role]
    tokens += [
        issue_token(actor=SYSTEM, name=f"p-{role}", platform_role=role)[1] for role in PlatformRole if role
    ]
    for token in tokens:
        assert problem(Asking(token=token).get(f"/trials/{made['id']}")) == (404, "trial_not_found")
        assert ask(Asking(token=token)).status_code == 202


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"email": "x"}, "email", "email_invalid"),
        ({"email": "ada@engine.example\r\nBcc: x@y.example"}, "email", "email_invalid"),
        ({"email": "ada@mailinator.com"}, "email", "email_disposable"),
        ({"region": "mars"}, "region", "region_unknown"),
        ({"company": "\r\nBcc: x"}, "company", ""),
        ({"plan": "aws"}, "plan", "unknown_field"),
        ({"secret": "x", "status": "active", "tenant": "archipel"}, "secret", "unknown_field"),
    ],
)
def test_a_wish_that_can_not_be_is_refused_by_name(changes: dict[str, str], field: str, code: str) -> None:
    response = Asking().post("/trials", {**WISH, **changes})
    if not code:
        assert response.status_code == 202  # folded to one line
        assert SignUp.objects.get().company == "Bcc: x"
        return
    assert problem(response) == (422, code)
    assert read(response)["errors"][0]["field"] == field


def test_the_same_key_gets_the_same_answer() -> None:
    key = {"Idempotency_Key": "8f14e45f"}
    first, second = ask(headers=key), ask(headers=key)
    assert read(first) == read(second)
    assert (second["Idempotent-Replayed"], len(letters())) == ("true", 1)
    assert problem(ask(headers=key, company="Other")) == (422, "idempotency_key_reused")
    assert problem(ask(headers={"Idempotency_Key": "a b"})) == (400, "idempotency_key_invalid")


def test_too_many_say_when_to_come_again(settings: Settings) -> None:
    settings.TRIAL_SIGN_UPS_PER_NETWORK = 1
    ask()
    response = ask(email="bob@other.example")
    assert problem(response) == (429, "too_many_sign_ups")
    assert response["Retry-After"] == "3600"


def test_a_client_can_solve_the_challenge_of_a_problem(settings: Settings) -> None:
    settings.TRIAL_CHECK, settings.TRIAL_WORK_BITS = "proof_of_work", 6
    response = ask()
    assert problem(response) == (422, "challenge_required")
    assert ask(challenge=solve(read(response)["errors"][0]["detail"])).status_code == 202


def cross(method: str, path: str, origin: str, **headers: str) -> Any:
    return Client().generic(method, path, headers={"Origin": origin, **headers})


@pytest.mark.parametrize("path", ["/api/v1/trials", "/api/v1/trials/019a5b3e-7c11-7f0a-9d7e-2f6b1f0e9a41"])
def test_a_website_on_the_list_may_call_the_two_endpoints(settings: Settings, path: str) -> None:
    settings.TRIAL_ORIGINS = [SITE]
    asked = cross("OPTIONS", path, SITE, **{"Access-Control-Request-Method": "POST"})
    assert (asked.status_code, asked["Access-Control-Allow-Origin"]) == (204, SITE)
    assert "X-Trial-Secret" in asked["Access-Control-Allow-Headers"]
    answered = cross("GET", path, SITE)
    assert answered["Access-Control-Allow-Origin"] == SITE
    assert "Access-Control-Allow-Credentials" not in answered
    assert "Origin" in answered["Vary"]


@pytest.mark.parametrize("origin", ["https://evil.example", f"{SITE}.evil.example", "null", "*", ""])
def test_a_website_that_is_not_on_the_list_may_not(settings: Settings, origin: str) -> None:
    settings.TRIAL_ORIGINS = [SITE]
    for method in ("OPTIONS", "POST"):
        assert "Access-Control-Allow-Origin" not in cross(method, "/api/v1/trials", origin)


def test_no_other_endpoint_answers_websites(settings: Settings) -> None:
    settings.TRIAL_ORIGINS = [SITE]
    for pattern in urlpatterns:
        route = str(pattern.pattern)
        if route.startswith("trials"):
            continue
        for method in ("OPTIONS", "GET"):
            answer = cross(method, "/api/v1/" + route.replace("<str:", "").replace(">", ""), SITE)
            assert "Access-Control-Allow-Origin" not in answer, route


def test_both_endpoints_are_documented() -> None:
    for pattern in urlpatterns:
        view = getattr(getattr(pattern, "callback", None), "view_class", None)
        if str(pattern.pattern).startswith("trials") and view:
            agreed = contract_of(view, "POST") or contract_of(view, "GET")
            assert agreed is not None
            assert agreed.public
