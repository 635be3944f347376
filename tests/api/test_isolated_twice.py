"""Each isolation holds alone: with a face's filters taken away PostgreSQL still refuses, and without a scope all is dark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.test import Client

from controlplane.tenants.models import ApiToken
from provisioner.runtimes.models import Runtime
from tests.api.asking import Asking, problem, read
from tests.signed_in import browse
from tests.world import World

pytestmark = pytest.mark.django_db


def test_the_api_shows_no_other_tenant_even_without_its_filters(
    alice: Asking, bob: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = alice.order()
    monkeypatch.setattr("controlplane.api.scope._seen", lambda actor, rows, query: rows)
    for path in ("/runtimes", "/operations"):
        assert read(bob.get(path))["results"] == []
        assert len(read(alice.get(path))["results"]) == 1
    assert [row["slug"] for row in read(bob.get("/accounts"))["results"]] == ["main"]
    assert problem(bob.get(f"/runtimes/{theirs['runtime']['id']}")) == (404, "runtime_not_found")
    assert problem(bob.get(f"/operations/{theirs['operation']['id']}")) == (404, "operation_not_found")


def test_the_console_shows_no_other_tenant_even_without_its_filters(
    alice: Asking, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = alice.order(name="secret-shop")
    queries = "controlplane.console.queries"
    monkeypatch.setattr(f"{queries}.visible_runtimes", lambda actor: Runtime.objects.all())
    assert world.main.tenant == world.basalt
    browser = browse(world.bob)
    assert b"secret-shop" not in browser.get("/").content
    assert browser.get(f"/runtimes/{theirs['runtime']['id']}/").status_code == 404
    assert b"secret-shop" in browse(world.alice).get("/").content


def test_a_view_that_forgot_its_scope_shows_nothing(alice: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    alice.order()

    @contextmanager
    def nothing(*_scope: Any) -> Iterator[None]:
        yield

    monkeypatch.setattr("controlplane.api.views.base.scoped", nothing)
    assert read(alice.get("/runtimes"))["results"] == []


def test_a_token_notes_its_use_as_its_own_tenant(alice: Asking, sam: Asking, world: World) -> None:
    for asking, person in ((alice, world.alice), (sam, world.sam)):
        assert asking.get("/runtimes").status_code == 200
        assert ApiToken.objects.get(pk=str(person.actor.token_id)).last_used_at is not None


def test_the_metrics_count_every_tenants_operations(alice: Asking) -> None:
    alice.order()
    text = Client().get("/metrics").content.decode()
    assert 'nesoi_operations_open{kind="provision",state="queued"} 1.0' in text


def test_a_read_is_one_transaction_and_a_write_is_not_wrapped(
    alice: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[str] = []

    @contextmanager
    def noted() -> Iterator[None]:
        held.append("read")
        yield

    monkeypatch.setattr("controlplane.api.views.base.one_transaction", noted)
    alice.order()
    assert held == []  # a write opens its own, and minting a kubeconfig must not hold one while it waits
    assert alice.get("/runtimes").status_code == 200
    assert held == ["read"]
