"""The trail is searched and exported by those who may see it, and shows each of them no more than that."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from controlplane.kernel.clock import rfc3339, utcnow
from controlplane.tenants import audit
from controlplane.tenants.access import SYSTEM, Actor
from controlplane.tenants.audit.shipping import ship_due
from controlplane.tenants.export_models import AuditExport
from controlplane.tenants.models import AuditEvent
from tests.api.asking import Asking, problem, read
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def trail(world: World) -> World:
    """Things done in two tenants by several people."""
    for number in range(7):
        leave(
            world,
            "account.rename",
            actor="alice",
            target=f"a-{number}",
            changes={"name": {"before": "A", "after": f"Quay{number}"}},
        )
    leave(world, "runtime.create", actor="token:ci", target="r-1", request_id="req-1234567")
    leave(world, "runtime.delete", actor="token:ci", target="r-1", outcome="denied")
    audit.record(
        "account.rename", actor=SYSTEM, tenant_id=world.basalt.id, target_type="account", target_id="theirs"
    )
    return world


def leave(world: World, action: str, *, actor: str, target: str, request_id: str = "", **more: Any) -> None:
    audit.record(
        action,
        actor=Actor(actor, request_id=request_id),
        tenant_id=world.archipel.id,
        target_type=action.split(".", maxsplit=1)[0],
        target_id=target,
        **more,
    )


def found(world: World, query: str) -> list[dict[str, Any]]:
    response = Asking(world.alice).get(f"/audit?{query}")
    assert response.status_code == 200, response.content
    rows: list[dict[str, Any]] = read(response)["results"]
    return rows


def test_an_admin_sees_the_own_tenant_and_no_other(trail: World) -> None:
    rows = found(trail, "limit=200")
    assert {row["tenant"] for row in rows} == {"archipel"}
    assert "theirs" not in {row["target"]["id"] for row in rows}


def test_naming_another_tenant_shows_nothing(trail: World) -> None:
    assert found(trail, "tenant=basalt") == []


def test_the_platforms_team_sees_all_and_may_name_one(trail: World) -> None:
    rows = read(Asking(trail.sam).get("/audit?limit=200"))["results"]
    assert {"archipel", "basalt"} <= {row["tenant"] for row in rows}
    rows = read(Asking(trail.sam).get("/audit?tenant=basalt"))["results"]
    assert {row["tenant"] for row in rows} == {"basalt"}


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("actor=token:ci", 2),
        ("action=runtime.create", 1),
        ("action=runtime.", 2),
        ("target=r-1", 2),
        ("outcome=denied", 1),
        ("request_id=req-1234567", 1),
        ("text=Quay3", 1),
        ("text=TOKEN:CI", 2),
        ("actor=token:ci&outcome=done", 1),
        ("text=nowhere-at-all", 0),
    ],
)
def test_each_filter_narrows(trail: World, query: str, number: int) -> None:
    assert len(found(trail, query)) == number


def test_a_period_narrows(trail: World) -> None:
    before, after = (rfc3339(utcnow() + timedelta(minutes=minutes)) for minutes in (-5, 5))
    assert found(trail, f"action=runtime.create&since={before}&until={after}")
    assert not found(trail, f"action=runtime.create&since={after}")
    assert not found(trail, f"action=runtime.create&until={before}")


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "since=2026-01-01T00:00:00",
        "until=2026-13-01T00:00:00Z",
        "outcome=maybe",
        "who=alice",
        "cursor=x",
    ],
)
def test_a_wrong_filter_is_named(trail: World, query: str) -> None:
    assert Asking(trail.alice).get(f"/audit?{query}").status_code == 400


@pytest.mark.parametrize(
    "moment",
    [
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00%2B23:59",
        "9999-12-31T23:59:59-23:59",
        "0001-01-03T00:00:00Z",
    ],
)
def test_the_ends_of_time_are_moments_too(trail: World, moment: str) -> None:
    assert Asking(trail.alice).get(f"/audit?since={moment}").status_code == 200
    assert Asking(trail.alice).get(f"/audit?until={moment}").status_code == 200
    assert Asking(trail.alice).get(f"/audit/export?until={moment}").status_code == 200


def test_pages_hold_every_row_once_even_while_new_ones_come(trail: World) -> None:
    asking, seen, address = Asking(trail.alice), [], "/audit?action=account.rename&limit=3"
    while address:
        answer = read(asking.get(address))
        seen += [row["target"]["id"] for row in answer["results"]]
        leave(trail, "account.rename", actor="late", target="late")
        address = answer["next"]
    assert sorted(seen) == [f"a-{number}" for number in range(7)]


def test_a_row_tells_what_was_before_and_after(trail: World) -> None:
    (row,) = found(trail, "target=a-4")
    assert row["changes"] == {"name": {"before": "A", "after": "Quay4"}}


def lines(response: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(response.streaming_content).splitlines()]


def test_an_export_is_lines_of_the_own_tenant_and_leaves_a_row_itself(trail: World) -> None:
    response: Any = Asking(trail.alice).get("/audit/export?action=account.")
    assert response["Content-Type"] == "application/x-ndjson"
    rows = lines(response)
    assert len([row for row in rows if row["action"] == "account.rename"]) == 7
    assert {row["tenant"] for row in rows} == {"archipel"}
    row = AuditEvent.objects.get(action="audit.export")
    assert (row.actor, row.tenant_id) == ("token:alice", trail.archipel.id)


def test_an_export_of_years_is_refused_before_it_begins(trail: World) -> None:
    response = Asking(trail.alice).get("/audit/export?since=2001-01-01T00:00:00Z")
    assert problem(response) == (400, "period_too_long")
    assert not AuditEvent.objects.filter(action="audit.export").exists()


@pytest.mark.parametrize("path", ["/audit", "/audit/export"])
def test_a_viewer_sees_nothing_of_it(trail: World, path: str) -> None:
    assert problem(Asking(trail.vera).get(path)) == (403, "forbidden")


def test_an_export_to_the_archive_is_asked_for_and_read_until_it_is_done(
    trail: World, settings: Settings, tmp_path: Path
) -> None:
    settings.AUDIT_EXPORT_TO = str(tmp_path)
    alice = Asking(trail.alice)
    response = alice.post("/audit/exports", {"action": "account.rename", "outcome": "done"})
    assert response.status_code == 202
    told = read(response)
    assert response["Location"] == told["url"]
    assert (told["state"], told["rows"], told["tenant"]) == ("waiting", 0, "archipel")
    assert told["search"] == {"action": "account.rename", "outcome": "done"}
    ship_due()
    done = read(alice.get(told["url"]))
    assert (done["state"], done["rows"]) == ("done", 7)
    assert len(Path(done["place"]).read_text().splitlines()) == 7
    assert read(alice.get("/audit/exports"))["results"] == [done]
    assert AuditEvent.objects.get(action="audit.export").actor == "token:alice"


def test_asking_for_an_export_twice_with_one_key_makes_one(
    trail: World, settings: Settings, tmp_path: Path
) -> None:
    settings.AUDIT_EXPORT_TO = str(tmp_path)
    first, second = (Asking(trail.alice).post("/audit/exports", {}, Idempotency_Key="k1") for _ in range(2))
    assert read(first) == read(second)
    assert AuditExport.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"since": "yesterday"}, (400, "invalid_parameter")),
        ({"since": "2001-01-01T00:00:00Z"}, (400, "period_too_long")),
        ({"outcome": "perhaps"}, (422, "not_one_of")),
        ({"place": "s3://mine"}, (422, "unknown_field")),
    ],
)
def test_an_export_that_can_not_be_is_refused(
    trail: World, settings: Settings, tmp_path: Path, body: dict[str, str], told: tuple[int, str]
) -> None:
    settings.AUDIT_EXPORT_TO = str(tmp_path)
    assert problem(Asking(trail.alice).post("/audit/exports", body)) == told
    assert not AuditExport.objects.exists()


def test_without_an_archive_an_export_is_refused_and_the_download_named(trail: World) -> None:
    response = Asking(trail.alice).post("/audit/exports", {})
    assert problem(response) == (409, "export_not_set_up")
    assert "download" in read(response)["detail"]


def test_anothers_export_is_not_there(trail: World, settings: Settings, tmp_path: Path) -> None:
    settings.AUDIT_EXPORT_TO = str(tmp_path)
    told = read(Asking(trail.alice).post("/audit/exports", {}))
    assert Asking(trail.bob).get(told["url"]).status_code == 404
    assert read(Asking(trail.bob).get("/audit/exports"))["results"] == []
    assert read(Asking(trail.sam).get("/audit/exports"))["results"][0]["id"] == told["id"]
