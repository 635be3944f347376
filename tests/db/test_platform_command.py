"""An operator gives the platform's team tokens with a command, sees which there are, and takes them back."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from controlplane.kernel.clock import utcnow
from controlplane.tenants.access import SYSTEM, PlatformRole
from controlplane.tenants.models import ApiToken, AuditEvent
from controlplane.tenants.services import actor_of_token, issue_token

pytestmark = pytest.mark.django_db


def day(days: int) -> str:
    return f"{utcnow() + timedelta(days=days):%Y-%m-%d}"


def run(verb: str, **options: str) -> tuple[str, str]:
    """What it prints to its standard output and to its standard error."""
    out, err = io.StringIO(), io.StringIO()
    call_command(
        "platform", verb, *(f"--{key}={value}" for key, value in options.items()), stdout=out, stderr=err
    )
    return out.getvalue(), err.getvalue()


@pytest.mark.parametrize("role", [role for role in PlatformRole if role])
def test_the_token_stands_alone_on_the_output_and_has_the_role(role: PlatformRole) -> None:
    token, said = run("token", role=role.value, name="on-call", expires=day(30))
    assert token.strip() not in said
    actor = actor_of_token(token.strip())
    assert actor is not None
    assert (actor.platform_role, actor.tenant_id, actor.name) == (role, None, "token:on-call")


def test_it_works_until_the_end_of_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    token, _ = run("token", role="sre", name="on-call", expires=day(2))
    row = ApiToken.objects.get()
    assert row.expires_at is not None
    assert f"{row.expires_at:%Y-%m-%d %H:%M:%S}" == f"{day(2)} 23:59:59"
    ApiToken.objects.update(expires_at=utcnow() - timedelta(seconds=1))
    assert actor_of_token(token.strip()) is None


def test_the_trail_shows_who_made_it_and_no_secret() -> None:
    token, _ = run("token", role="platform-admin", name="on-call", expires=day(30))
    event = AuditEvent.objects.get(action="token.issue")
    assert event.tenant is None
    assert event.actor.startswith("operator")
    assert event.changes["role"] == "platform-admin"
    assert token.strip() not in str(list(AuditEvent.objects.values()))


def test_one_can_be_seen_and_taken_back() -> None:
    token, _ = run("token", role="finops", name="reports", expires=day(30))
    issue_token(actor=SYSTEM, name="forever", platform_role=PlatformRole.SRE)
    shown, _ = run("tokens")
    assert [line.split("  ")[:2] for line in shown.splitlines()] == [
        ["reports", "finops"],
        ["forever", "sre"],
    ]
    assert token.strip() not in shown
    run("revoke", name="reports")
    assert actor_of_token(token.strip()) is None
    assert "reports" not in run("tokens")[0]
    assert AuditEvent.objects.filter(action="token.revoke", tenant=None).count() == 1
    run("token", role="finops", name="reports", expires=day(30))  # the name is free again


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"expires": "tomorrow"}, "is no day"),
        ({"expires": day(-1)}, "lives until some day of the next 366"),
        ({"expires": day(400)}, "lives until some day of the next 366"),
        ({"name": " "}, "A name has 1 to 80 printable characters."),
        ({"name": "taken"}, "has a valid token “taken” already"),
    ],
)
def test_what_can_not_be_is_refused_in_a_sentence(changes: dict[str, str], words: str) -> None:
    issue_token(actor=SYSTEM, name="taken", platform_role=PlatformRole.SRE)
    with pytest.raises(CommandError, match=words) as caught:
        run("token", **{"role": "sre", "name": "on-call", "expires": day(30), **changes})
    assert caught.value.returncode == 2
    assert ApiToken.objects.count() == 1


def test_none_that_is_not_there_is_revoked() -> None:
    with pytest.raises(CommandError, match="has no valid token “x”"):
        run("revoke", name="x")


@pytest.mark.parametrize("option", ["--role=owner", "--role="])
def test_only_the_team_s_roles_are_known(option: str) -> None:
    with pytest.raises(CommandError):
        call_command("platform", "token", option, "--name=x", f"--expires={day(3)}")
