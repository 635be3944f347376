"""Agents push samples: bad rows are named, good ones stored, and nobody but the platform says what was used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from billing.usage.models import Source
from controlplane.tenants.models import AuditEvent
from tests.api.asking import Asking, problem, read
from tests.usage import begin
from tests.work import runtime
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def sam(world: World) -> Asking:
    begin(datetime.now(UTC))
    return Asking(world.sam)


@pytest.fixture
def row(world: World) -> dict[str, Any]:
    """A sample of a runtime of Archipel's that stands since an hour ago."""
    row = runtime(world.shop, world.landscape)
    Source.objects.update(born=datetime.now(UTC) - timedelta(hours=1))
    at = datetime.now(UTC).isoformat()
    return {"runtime": str(row.id), "at": at, "levels": {"vcpu": {"": 4000}}, "gauges": {"egress_bytes": 5}}


def pushed(asking: Asking, *rows: Any, sent_at: str = "") -> Any:
    return asking.post(
        "/usage/samples", {"sent_at": sent_at or datetime.now(UTC).isoformat(), "samples": list(rows)}
    )


def test_samples_are_stored_once(sam: Asking, row: dict[str, Any]) -> None:
    assert read(pushed(sam, row))["accepted"] == 1
    assert read(pushed(sam, row)) == {"accepted": 0, "duplicates": 1, "quarantined": [], "refused": []}
    with connection.cursor() as cursor:
        cursor.execute("SELECT slot, origin FROM usage_sample")
        ((slot, origin),) = cursor.fetchall()
    assert (slot.second, slot.microsecond, slot.minute % 5, origin) == (0, 0, 0, 2)


BAD = [
    ({"runtime": "mine"}, "runtime", "runtime_unknown"),
    ({"runtime": 7}, "runtime", "runtime_unknown"),
    ({"at": "yesterday"}, "at", "time_invalid"),
    ({"at": "2026-02-30T00:00:00Z"}, "at", "time_invalid"),
    ({"at": "2026-02-20T00:00:00"}, "at", "time_invalid"),
    ({"gauges": {"egress_bytes": -1}}, "gauges.egress_bytes", "negative"),
    ({"gauges": {"horses": 1}}, "gauges", "column_unknown"),
    ({"gauges": []}, "gauges", "column_unknown"),
    ({"gauges": {"egress_bytes": True}}, "gauges", "not_a_whole_number"),
    ({"levels": {"vcpu": {"": 1.5}}}, "levels.vcpu", "levels_invalid"),
    ({"levels": None}, "levels", "levels_invalid"),
    ({"components": {"calico": [1]}}, "components", "levels_invalid"),
    ({"component_use": 4}, "component_use", "levels_invalid"),
    ({"epoch": "new"}, "epoch", "not_a_whole_number"),
    ({"colour": "red"}, "colour", "column_unknown"),
]


@pytest.mark.parametrize(
    ("changes", "column", "code"), BAD, ids=[f"{code} {column}" for _, column, code in BAD]
)
def test_a_bad_row_is_named_by_row_and_column(
    sam: Asking, row: dict[str, Any], changes: dict[str, Any], column: str, code: str
) -> None:
    answer = read(pushed(sam, {**row, **changes}, row))
    assert answer["accepted"] == 1
    assert [(fault["row"], fault["column"], fault["code"]) for fault in answer["refused"]] == [
        (0, column, code)
    ]


def test_a_clock_that_is_off_is_refused_as_a_whole(sam: Asking, row: dict[str, Any]) -> None:
    for off, code in ((301, "clock_skewed"), (-301, "clock_skewed")):
        sent = (datetime.now(UTC) + timedelta(seconds=off)).isoformat()
        assert problem(pushed(sam, row, sent_at=sent)) == (422, code)
    assert problem(pushed(sam, row, sent_at="now")) == (422, "time_invalid")


def test_what_contradicts_is_listed_for_sres_with_both_sides_reason(sam: Asking, row: dict[str, Any]) -> None:
    pushed(sam, row)
    answer = read(pushed(sam, {**row, "gauges": {"egress_bytes": 6}}))
    assert [fault["code"] for fault in answer["quarantined"]] == ["conflict"]
    (listed,) = read(sam.get("/usage/quarantine"))["results"]
    assert (listed["runtime"], listed["reason"], listed["origin"]) == (row["runtime"], "conflict", "agent")
    assert listed["payload"]["gauges"]["egress_bytes"] == 6
    assert read(sam.get(f"/usage/quarantine?runtime={row['runtime']}"))["results"] == [listed]
    assert read(sam.get("/usage/quarantine?runtime=other"))["results"] == []


def test_an_sre_decides_once_which_reading_stands(sam: Asking, row: dict[str, Any]) -> None:
    pushed(sam, row)
    pushed(sam, {**row, "gauges": {"egress_bytes": 6}})
    (listed,) = read(sam.get("/usage/quarantine"))["results"]
    door = f"/usage/quarantine/{listed['id']}"
    assert problem(sam.post(f"{door}/accept", {"reason": " "})) == (422, "reason_missing")
    decided = read(sam.post(f"{door}/accept", {"reason": "the landscape says so, too"}))
    assert (decided["decision"], decided["decided_why"]) == ("accepted", "the landscape says so, too")
    assert problem(sam.post(f"{door}/dismiss", {"reason": "no"})) == (409, "sample_decided")
    with connection.cursor() as cursor:
        cursor.execute("SELECT egress_bytes FROM usage_sample")
        assert cursor.fetchall() == [(6,)]


def test_a_push_leaves_one_audit_row_however_many_samples_it_brings(sam: Asking, row: dict[str, Any]) -> None:
    pushed(sam, row, {**row, "runtime": "mine"})
    (event,) = AuditEvent.objects.filter(action="usage.push")
    assert event.changes == {"accepted": 1, "duplicates": 0, "quarantined": 0, "refused": 1}


def test_no_tenant_says_what_it_used(world: World, row: dict[str, Any]) -> None:
    assert problem(pushed(Asking(world.alice), row)) == (403, "forbidden")
    assert problem(Asking(world.alice).get("/usage/quarantine")) == (403, "forbidden")
