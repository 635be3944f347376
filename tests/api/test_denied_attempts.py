"""Who was refused what stands in the audit trail, whichever face refused; and nobody can fill the trail that way."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.test import Client
from redis.exceptions import ConnectionError as CacheAwayError

from controlplane.tenants.audit import denials
from controlplane.tenants.models import AuditEvent
from tests.api.asking import WISH, Asking
from tests.signed_in import browse, present
from tests.world import World, order

pytestmark = pytest.mark.django_db


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


@pytest.mark.parametrize("path", ["/runtimes/{}", "/runtimes"])
def test_reading_what_is_not_there_is_no_attempt(world: World, path: str) -> None:
    Asking(world.alice).get(path.format(uuid4()))
    assert denied() == []


def test_what_was_done_is_not_noted_as_denied(world: World) -> None:
    _ = world.shop, world.landscape
    assert Asking(world.alice).post("/runtimes", WISH).status_code == 202
    assert denied() == []


def test_the_same_attempt_again_and_again_leaves_few_rows_that_count(world: World) -> None:
    asking = Asking(world.vera)
    for _ in range(25):
        asking.post("/runtimes", WISH)
    assert [row.changes.get("times", 1) for row in denied()] == [1, 10]


def test_attempts_of_every_kind_together_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denials, "LARGEST_MINUTE", 5)
    for number in range(12):
        Client(REMOTE_ADDR=f"192.0.2.{number}").post(
            "/api/v1/runtimes", "{}", content_type="application/json"
        )
    assert len(denied()) == 5


def test_without_a_cache_they_are_bounded_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise CacheAwayError

    monkeypatch.setattr("django.core.cache.cache.add", away)
    monkeypatch.setattr(denials, "LARGEST_MINUTE_ALONE", 4)
    monkeypatch.setattr(denials, "_alone", denials._Alone())
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
