"""An operator makes an installation's first tenant, its owner and tokens with a command."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client, override_settings

from controlplane.kernel.clock import utcnow
from controlplane.tenants.models import Account, ApiToken, AuditEvent, Member, Tenant, User

pytestmark = pytest.mark.django_db

ACME = {"slug": "acme", "name": "Acme", "account": "shop", "owner": "olga", "email": "olga@example.org"}
TOKEN = {"tenant": "acme", "role": "developer", "name": "ci", "ttl_days": 30}


def run(verb: str, options: dict[str, Any]) -> tuple[str, str]:
    """What the command prints to its standard output and to its standard error."""
    out, err = io.StringIO(), io.StringIO()
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    call_command("tenant", verb, *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def refused(verb: str, options: dict[str, Any]) -> str:
    """The one line that a refused command says."""
    before = everything()
    with pytest.raises(CommandError) as caught:
        run(verb, options)
    assert caught.value.returncode == 2
    assert everything() == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def everything() -> list[int]:
    return [table.objects.count() for table in (Tenant, Account, User, Member, ApiToken, AuditEvent)]


@override_settings(PASSWORD_SIGN_IN=True)
def test_the_owner_signs_in_with_the_password_that_stood_alone_on_the_output() -> None:
    password, said = run("create", ACME)
    assert password.strip() not in said
    assert len(password.split()) == 1
    client = Client()
    entered = client.post("/sign-in", {"username": "olga", "password": password.strip()})
    assert entered.status_code == 302
    member = Member.objects.get(user__username="olga")
    assert (member.role, member.tenant.slug) == ("owner", "acme")
    assert Account.objects.get(tenant=member.tenant).slug == "shop"
    assert client.get("/").status_code == 200


def test_the_trail_shows_what_the_operator_did_and_no_secret() -> None:
    password, _ = run("create", ACME)
    token, _ = run("token", TOKEN)
    rows = list(AuditEvent.objects.exclude(action="catalog.apply").order_by("id").values())
    assert [row["action"] for row in rows] == [
        "tenant.create",
        "account.create",
        "user.create",
        "member.set",
        "token.issue",
    ]
    assert {row["actor"].split(":")[0] for row in rows} == {"operator"}
    assert password.strip() not in str(rows)
    assert token.strip() not in str(rows)


def test_the_same_again_changes_nothing_and_says_so() -> None:
    run("create", ACME)
    before = everything()
    again, said = run("create", ACME)
    assert again == ""
    assert "is there already" in said
    assert everything() == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"owner": "otto"}, "There is a tenant “acme” already"),
        ({"name": "Other"}, "There is a person “olga” already"),
        ({"slug": "other"}, "There is a person “olga” already"),
        ({"slug": "Not A Slug", "owner": "otto"}, "can't be a slug"),
        ({"slug": "other", "owner": "otto", "account": "-"}, "can't be a slug"),
        ({"slug": "other", "owner": "ot to"}, "can't be a person"),
        ({"slug": "other", "owner": "OLGA"}, "There is a person “OLGA” already"),
        ({"slug": "other", "owner": "otto", "email": "nonsense"}, "can't be a person"),
        ({"slug": "other", "owner": "otto", "name": " "}, "A name has 1 to 120"),
    ],
)
def test_what_is_taken_or_malformed_is_refused_in_one_line(change: dict[str, str], said: str) -> None:
    run("create", ACME)
    assert said in refused("create", {**ACME, **change})


def test_a_token_opens_the_api_until_it_expires() -> None:
    run("create", ACME)
    token, said = run("token", TOKEN)
    assert token.startswith("nesoi_")
    assert token.strip() not in said
    me = Client(headers={"Authorization": f"Bearer {token.strip()}"}).get("/api/v1/me").json()
    assert (me["tenant"]["slug"], me["role"]) == ("acme", "developer")
    left = ApiToken.objects.get().expires_at - utcnow()  # type: ignore[operator]
    assert timedelta(days=29) < left <= timedelta(days=30)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "has a valid token “ci” already"),
        ({"tenant": "nobody"}, "There is no tenant “nobody”"),
        ({"name": "x" * 81}, "A name has 1 to 80"),
        ({"name": "other", "ttl_days": 0}, "A token lives 1 to 366 days."),
        ({"name": "other", "ttl_days": 10**30}, "A token lives 1 to 366 days."),
    ],
)
def test_a_token_that_makes_no_sense_is_refused_in_one_line(change: dict[str, Any], said: str) -> None:
    run("create", ACME)
    run("token", TOKEN)
    assert said in refused("token", {**TOKEN, **change})


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(CommandError, match="invalid choice"):
        run("token", {**TOKEN, "role": "king"})
