"""The audit page: people find what was done, read what changed, and take it away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controlplane.console.presenters.audit import Line, line_of
from controlplane.tenants import audit
from controlplane.tenants.access import Actor
from controlplane.tenants.audit.shipping import ship_due
from controlplane.tenants.export_models import AuditExport
from controlplane.tenants.models import AuditEvent
from tests.signed_in import browse, present, text
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def trail(world: World) -> World:
    present(world.alice)
    leave(
        world,
        "runtime.update",
        changes={"parameters": {"before": {"a": 1, "same": 2}, "after": {"a": 3, "same": 2}}},
    )
    leave(world, "account.create", changes={"slug": "laboratory"}, actor="token:ci")
    leave(world, "request.refuse", outcome="denied", changes={"code": "forbidden", "status": 403})
    return world


def leave(world: World, action: str, *, actor: str = "alice", **more: Any) -> None:
    audit.record(
        action,
        actor=Actor(actor, request_id="req-abcdefgh", address="192.0.2.9"),
        tenant_id=world.archipel.id,
        target_type=action.split(".", maxsplit=1)[0],
        target_id="t-1",
        **more,
    )


def seen(world: World, query: str = "") -> str:
    response = browse(world.alice).get(f"/audit/?{query}")
    assert response.status_code == 200
    return text(response)


def test_it_reads_like_sentences_with_what_was_before_and_after(trail: World) -> None:
    page = seen(trail)
    assert "Runtime update" in page
    assert "parameters.a" in page
    assert "parameters.same" not in page
    assert "laboratory" in page
    assert "Denied" in page
    assert "192.0.2.9" in page


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [
        ("q=laboratory", "Account create", "Runtime update"),
        ("kind=runtime.", "Runtime update", "Account create"),
        ("outcome=denied", "Request", "Runtime update"),
        ("actor=token:ci", "Account create", "Runtime update"),
        ("until=2001-01-01", "Nothing was found", "Runtime update"),
    ],
)
def test_each_filter_narrows(trail: World, query: str, shown: str, hidden: str) -> None:
    page = seen(trail, query)
    assert shown in page
    assert hidden not in page


@pytest.mark.parametrize("day", ["yesterday", "2026-02-31", "0001-01-01", "9999-12-31"])
def test_a_day_that_is_none_is_told(trail: World, day: str) -> None:
    for name in ("since", "until"):
        response = browse(trail.alice).get(f"/audit/?{name}={day}")
        assert response.status_code == 400
        assert "must be a day" in text(response)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (None, "x", "not set x"),
        ("", "x", "empty x"),
        ("x", " ", "x empty"),
        ([], ["x"], 'none ["x"]'),
        ({}, "x", "none x"),
        (False, True, "no yes"),
        (0, None, "0 not set"),
        ({"b": 1}, {"b": None}, "1 not set"),
        ({}, {"b": 1}, "not there 1"),
        ({"b": 1}, {}, "1 removed"),
    ],
)
def test_what_is_empty_has_a_word(trail: World, before: Any, after: Any, words: str) -> None:
    leave(trail, "account.rename", changes={"thing": {"before": before, "after": after}})
    (line,) = [one for one in lines_of(trail) if one.what == "Account rename"]
    (change,) = line.changes
    assert f"{change.before or change.before_word} {change.after or change.after_word}" == words
    for word in (change.before_word, change.after_word):
        assert word in seen(trail)


@pytest.mark.parametrize(
    ("value", "word"),
    [(None, "not set"), ("", "empty"), ([], "none"), ({}, "none"), (False, "no"), (0, "0")],
)
def test_a_fact_that_is_empty_has_a_word_too(trail: World, value: Any, word: str) -> None:
    leave(trail, "account.rename", changes={"why": value})
    (line,) = [one for one in lines_of(trail) if one.what == "Account rename"]
    assert line.gist == f"why: {word}"
    assert f"why: {word}" in seen(trail)


def lines_of(world: World) -> list[Line]:
    return [line_of(event) for event in AuditEvent.objects.filter(tenant=world.archipel)]


def test_what_was_done_to_nobodys_thing_is_the_platforms(trail: World) -> None:
    audit.record("x.done", actor=Actor("sam"), tenant_id=None, target_type="service_account", target_id="")
    present(trail.sam)
    page = text(browse(trail.sam).get("/audit/"))
    assert "the platform" in page
    assert "service account" in page
    assert "\u2013" not in page


def test_what_stands_in_a_row_is_no_html(trail: World) -> None:
    leave(trail, "account.rename", changes={"name": {"before": "x", "after": "<script>alert(1)</script>"}})
    assert "<script>alert(1)" not in browse(trail.alice).get("/audit/").content.decode()


def test_the_export_holds_what_the_filters_left(trail: World) -> None:
    response: Any = browse(trail.alice).get("/audit/export?kind=account.")
    body = b"".join(response.streaming_content).decode()
    assert "laboratory" in body
    assert "runtime.update" not in body


def test_somebody_who_may_not_see_it_finds_no_way_there(trail: World) -> None:
    present(trail.vera)
    client = browse(trail.vera)
    assert "/audit/" not in client.get("/").content.decode()
    assert client.get("/audit/").status_code == 403
    assert client.get("/audit/export").status_code == 403


def test_an_export_to_the_archive_is_asked_for_and_seen_until_it_is_done(
    trail: World, settings: Any, tmp_path: Path
) -> None:
    settings.AUDIT_EXPORT_TO = str(tmp_path)
    alice = browse(trail.alice)
    assert "Write to the archive" in seen(trail)
    response = alice.post("/audit/exports", {"kind": "account."}, follow=True)
    assert "Waiting" in text(response)
    assert "Nothing is written yet." in text(response)
    ship_due()
    page = seen(trail)
    row = AuditExport.objects.get()
    assert "Done" in page
    assert row.place in page
    assert "laboratory" in Path(row.place).read_text()
    assert "runtime.update" not in Path(row.place).read_text()


def test_where_no_archive_is_set_up_there_is_no_button(trail: World) -> None:
    assert "Write to the archive" not in seen(trail)
    assert "download" in text(browse(trail.alice).post("/audit/exports"))


def test_another_tenants_export_is_not_shown(trail: World, settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_EXPORT_TO = str(tmp_path)
    assert trail.main.tenant == trail.basalt
    browse(trail.bob).post("/audit/exports")
    assert AuditExport.objects.get().tenant == trail.basalt
    assert "Exports to the archive" not in seen(trail)
