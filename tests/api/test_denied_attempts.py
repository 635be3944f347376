"""Who was refused what stands in the audit trail, whichever face refused; and nobody can fill the trail that way."""

from __future__ import annotations

import base64
import json
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.test import Client
from redis.exceptions import ConnectionError as CacheAwayError

from controlplane.kernel.clock import utcnow
from controlplane.osb.credentials import issue_credential
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.audit import bounding, denials
from controlplane.tenants.models import ApiToken, AuditEvent
from tests.api.asking import WISH, Asking
from tests.signed_in import browse, present
from tests.world import World, order

pytestmark = pytest.mark.django_db

FAR_AND_WIDE = ("/runtimes", "/accounts", "/tokens", "/members", "/audit", "/quota", "/operations")


@pytest.fixture(autouse=True)
def nobody_was_refused_before() -> None:
    cache.clear()


def denied() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(outcome="denied").order_by("id"))


def the_denied() -> AuditEvent:
    (row,) = denied()
    return row


def test_a_viewer_who_tries_to_order_is_noted_in_the_own_tenant(world: World) -> None:
    assert Asking(world.vera).post("/runtimes", WISH).status_code == 403
    row = the_denied()
    assert (row.actor, row.tenant_id, row.action) == ("token:vera", world.archipel.id, "request.refuse")
    assert row.changes == {"request": "POST /api/v1/runtimes", "status": 403, "code": "forbidden"}
    assert row.request_id
    assert row.address == "127.0.0.1"


def test_reaching_for_another_tenants_runtime_names_what_was_reached_for(world: World) -> None:
    runtime_id = str(order(world).runtime_id)
    assert Asking(world.bob).delete(f"/runtimes/{runtime_id}").status_code == 404
    row = the_denied()
    assert (row.tenant_id, row.target_type, row.target_id) == (world.basalt.id, "runtime", runtime_id)
    assert row.changes["code"] == "runtime_not_found"


def test_a_write_without_a_token_is_nobodys(world: World) -> None:
    Asking().post("/runtimes", WISH)
    row = the_denied()
    assert (row.actor, row.tenant_id, row.changes["code"]) == ("nobody", None, "token_missing")


def test_one_of_the_platforms_team_is_noted_for_the_platform(world: World) -> None:
    runtime_id = order(world).runtime_id
    assert Asking(world.sam).delete(f"/runtimes/{runtime_id}").status_code == 403
    assert (the_denied().actor, the_denied().tenant_id) == ("token:sam", None)


def test_the_console_notes_it_too(world: World) -> None:
    present(world.vera)
    assert browse(world.vera).post("/accounts/", {"slug": "x1", "name": "X"}).status_code == 403
    row = the_denied()
    assert (row.actor, row.tenant_id) == ("vera", world.archipel.id)
    assert row.changes["request"] == "POST /accounts/"


def test_a_request_without_the_forms_token_is_noted(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.alice.user)
    assert client.post("/accounts/", {"slug": "x1", "name": "X"}).status_code == 403
    assert the_denied().actor == "alice"


def test_a_failed_sign_in_names_who_it_was_tried_for(world: World) -> None:
    present(world.alice)
    Client().post("/sign-in", {"username": "alice", "password": "wrong-password-1"})
    row = the_denied()
    assert (row.action, row.target_type, row.target_id) == ("session.refuse", "user", "alice")
    assert "wrong-password-1" not in json.dumps(row.changes)


def test_a_password_typed_as_the_name_is_not_kept(world: World) -> None:
    Client().post("/sign-in", {"username": "Correct-horse-battery", "password": "x"})
    row = the_denied()
    assert "Correct-horse" not in f"{row.actor} {row.target_id} {row.changes}"


@pytest.mark.parametrize(
    "header", [{}, {"Authorization": "Bearer nesoi_wrong"}, {"Authorization": "Basic x"}]
)
def test_reading_without_a_good_token_is_noted(world: World, header: dict[str, str]) -> None:
    assert Client(headers=header).get("/api/v1/runtimes").status_code == 401
    row = the_denied()
    assert (row.actor, row.tenant_id, row.address) == ("nobody", None, "127.0.0.1")
    assert row.changes["request"] == "GET /api/v1/runtimes"
    assert row.changes["code"] == ("token_invalid" if header else "token_missing")


@pytest.mark.parametrize("ended", ["revoked_at", "expires_at"])
def test_who_comes_with_a_token_that_has_ended_stands_in_its_tenants_trail(world: World, ended: str) -> None:
    ApiToken.objects.filter(pk=str(world.vera.actor.token_id)).update(**{ended: utcnow()})
    assert Asking(world.vera).get("/runtimes").status_code == 401
    row = the_denied()
    assert (row.actor, row.tenant_id) == ("token:vera", world.archipel.id)
    assert row.changes["code"] == ("token_expired" if ended == "expires_at" else "token_invalid")


@pytest.mark.parametrize("scheme", ["Bearer", "Basic"])
def test_so_does_a_platform_with_a_revoked_credential(world: World, scheme: str) -> None:
    row, secret = issue_credential(actor=SYSTEM, tenant=world.archipel, name="cf")
    type(row).objects.filter(pk=row.pk).update(revoked_at=utcnow())
    pair = base64.b64encode(f"{row.username}:{secret}".encode()).decode()
    shown = {"Authorization": f"Bearer {secret}" if scheme == "Bearer" else f"Basic {pair}"}
    assert Client(headers=shown).get("/osb/v2/catalog").status_code == 401
    assert (the_denied().actor, the_denied().tenant_id) == (f"broker:{row.username}", world.archipel.id)


def test_reading_what_the_role_does_not_show_is_noted(world: World) -> None:
    assert Asking(world.vera).get("/audit").status_code == 403
    row = the_denied()
    assert (row.actor, row.tenant_id) == ("token:vera", world.archipel.id)
    assert row.changes == {"request": "GET /api/v1/audit", "status": 403, "code": "forbidden"}


def test_reading_another_tenants_thing_names_what_was_reached_for(world: World) -> None:
    runtime_id = str(order(world).runtime_id)
    assert Asking(world.bob).get(f"/runtimes/{runtime_id}").status_code == 404
    row = the_denied()
    assert (row.tenant_id, row.target_type, row.target_id) == (world.basalt.id, "runtime", runtime_id)
    assert row.changes["request"] == "GET /api/v1/runtimes/<str:runtime>"


def test_a_page_of_another_tenant_and_one_that_nobody_has_are_noted_alike(world: World) -> None:
    theirs, nobodys = str(order(world).runtime_id), str(uuid4())
    present(world.main)
    browser = browse(world.bob)
    for runtime_id in (theirs, nobodys):
        cache.clear()
        assert browser.get(f"/runtimes/{runtime_id}/").status_code == 404
    rows = denied()
    assert [row.target_id for row in rows] == [theirs, nobodys]
    assert rows[0].changes == rows[1].changes


def test_the_broker_notes_a_platform_without_a_credential(world: World) -> None:
    assert Client().get("/osb/v2/catalog").status_code == 401
    assert (the_denied().actor, the_denied().changes["request"]) == ("nobody", "GET /osb/v2/catalog")


def test_a_secret_in_an_address_is_not_kept(world: World) -> None:
    for path in ("/join/what-was-mailed", "/trial/confirm/what-was-mailed", "/trial/sign-in/what-was-mailed"):
        cache.clear()
        Client().get(path)
        Client().post(path)
    assert "what-was-mailed" not in str([(row.target_id, row.changes) for row in denied()])


@pytest.mark.parametrize("path", ["/runtimes", "/accounts", "/me", "/plans", "/plans/unknown"])
def test_what_is_allowed_is_not_even_counted(
    world: World, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(denials, "_note", never)
    assert Asking(world.alice).get(path).status_code in {200, 404}


def test_what_was_done_is_not_noted_as_denied(world: World) -> None:
    _ = world.shop, world.landscape
    assert Asking(world.alice).post("/runtimes", WISH).status_code == 202
    assert denied() == []


def test_the_same_attempt_again_and_again_leaves_few_rows_that_count(world: World) -> None:
    asking = Asking(world.vera)
    for _ in range(25):
        asking.post("/runtimes", WISH)
    assert [row.changes.get("times", 1) for row in denied()] == [1, 10]


def test_a_flood_from_one_address_is_bounded_and_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounding, "MOST_OF_ONE", 3)
    for path in FAR_AND_WIDE:
        Client().get(f"/api/v1{path}")
    rows = denied()
    assert len(rows) == 3
    assert ["further" in row.changes for row in rows] == [False, False, True]


def test_a_flood_from_many_addresses_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounding, "MOST_OF_NOBODY", 5)
    for number in range(12):
        Client(REMOTE_ADDR=f"192.0.2.{number}").get("/api/v1/runtimes")
    assert len(denied()) == 5


def test_addresses_of_one_ipv6_customer_are_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounding, "MOST_OF_ONE", 2)
    for number in range(1, 6):
        Client(REMOTE_ADDR=f"2001:db8::{number}").get("/api/v1/runtimes")
    assert len(denied()) == 2


def test_a_strangers_flood_hides_no_members_attempt(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounding, "MOST_OF_ONE", 2)
    monkeypatch.setattr(bounding, "MOST_OF_NOBODY", 2)
    for path in FAR_AND_WIDE:
        Client().get(f"/api/v1{path}")
        Asking(world.bob).get("/runtimes/" + str(uuid4()))
    assert Asking(world.vera).get("/audit").status_code == 403
    assert [row.actor for row in denied()].count("token:vera") == 1
    assert len(denied()) == 4


def test_without_a_cache_they_are_bounded_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise CacheAwayError

    monkeypatch.setattr("django.core.cache.cache.add", away)
    monkeypatch.setattr(bounding, "MOST_ALONE", 4)
    monkeypatch.setattr(bounding, "_alone", bounding._Alone())
    for _ in range(9):
        Asking(world.vera).post("/runtimes", WISH)
    assert len(denied()) == 4


def test_a_trail_that_can_not_be_written_changes_no_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    def fails(*_: Any, **__: Any) -> None:
        raise OperationalError

    asking = Asking(world.vera)
    monkeypatch.setattr(denials, "record", fails)
    assert asking.post("/runtimes", WISH).status_code == 403
