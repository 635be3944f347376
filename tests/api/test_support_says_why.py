"""Support looks into one tenant at a time, after saying why, and its people can read that."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client

from controlplane.kernel.clock import utcnow
from controlplane.tenants.access import SYSTEM, PlatformRole
from controlplane.tenants.models import AuditEvent
from controlplane.tenants.services import create_user, issue_token
from tests.api.asking import Asking, problem, read
from tests.signed_in import build, present, text
from tests.world import PASSWORD, World

pytestmark = pytest.mark.django_db

WHY = {"tenant": "archipel", "reason": "ticket 4711"}
HEADERS = {"X_Nesoi_Tenant": "archipel", "X_Nesoi_Reason": "ticket 4711"}


@pytest.fixture
def susi(world: World) -> Client:
    build(world)
    present(world.main)
    user = create_user(actor=SYSTEM, username="susi", password=PASSWORD, platform_role=PlatformRole.SUPPORT)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def token(world: World) -> Asking:
    build(world)
    present(world.main)
    return Asking(token=issue_token(actor=SYSTEM, name="susi", platform_role=PlatformRole.SUPPORT)[1])


def opened() -> list[tuple[str, str]]:
    rows = AuditEvent.objects.filter(action="tenant.open").select_related("tenant")
    return [(row.tenant.slug if row.tenant else "", row.changes["reason"]) for row in rows]


@pytest.mark.parametrize("path", ["/", "/accounts/", "/team/", "/tokens/", "/runtimes/live"])
def test_no_page_shows_a_tenant_before(susi: Client, path: str) -> None:
    answer = susi.get(path)
    assert answer["Location"].startswith("/open-tenant?next=")
    live = susi.get(path, headers={"HX-Request": "true"})
    assert live["HX-Redirect"] == "/open-tenant"
    assert opened() == []


def test_with_a_reason_it_sees_that_tenant_only(susi: Client) -> None:
    assert susi.post("/open-tenant", {**WHY, "next": "/accounts/"})["Location"] == "/accounts/"
    page = text(susi.get("/accounts/"))
    assert "You look at Archipel as support because “ticket 4711”" in page
    assert "Shop" in page
    assert not re.search(r"\bMain\b", page)
    assert opened() == [("archipel", "ticket 4711")]


@pytest.mark.parametrize(
    "bad", [{"reason": ""}, {"reason": "x"}, {"tenant": "nowhere"}, {"reason": "y" * 301}]
)
def test_without_a_good_reason_it_sees_nothing(susi: Client, bad: dict[str, str]) -> None:
    assert susi.post("/open-tenant", {**WHY, **bad}).status_code == 422
    assert susi.get("/accounts/").status_code == 302
    assert opened() == []


def test_after_half_an_hour_it_asks_again(susi: Client) -> None:
    susi.post("/open-tenant", WHY)
    session = susi.session
    session["opened"] = {**session["opened"], "until": (utcnow() - timedelta(seconds=1)).isoformat()}
    session.save()
    assert susi.get("/accounts/").status_code == 302


def test_it_closes_what_it_opened(susi: Client) -> None:
    susi.post("/open-tenant", WHY)
    susi.post("/open-tenant/close")
    assert susi.get("/accounts/").status_code == 302


def test_it_is_told_in_its_own_words_that_it_has_no_list_of_tenants(susi: Client) -> None:
    susi.post("/open-tenant", WHY)
    page = susi.get("/fleet/tenants")
    assert page.status_code == 403
    assert "Support sees one tenant at a time" in text(page)
    assert "Only the platform's team" not in text(page)


def test_it_changes_nothing(susi: Client) -> None:
    susi.post("/open-tenant", WHY)
    assert susi.post("/accounts/", {"slug": "labor", "name": "Labor"}).status_code == 403
    assert "Open an account" not in text(susi.get("/accounts/"))


def test_a_token_names_the_tenant_and_the_reason_with_every_request(token: Asking) -> None:
    for headers in ({}, {"X_Nesoi_Tenant": "archipel"}, {"X_Nesoi_Reason": "ticket 4711"}):
        assert problem(token.get("/runtimes", **headers)) == (403, "reason_required")
    seen = read(token.get("/accounts", **HEADERS))["results"]
    assert [row["tenant"] for row in seen] == ["archipel"]
    assert opened() == [("archipel", "ticket 4711")]


def test_a_token_needs_no_reason_for_what_is_no_tenant_s(token: Asking) -> None:
    assert token.get("/plans").status_code == token.get("/me").status_code == 200
    assert opened() == []


def test_the_rest_of_the_team_is_not_asked(world: World) -> None:
    build(world)
    assert Asking(world.sam).get("/runtimes").status_code == 200
    assert opened() == []
