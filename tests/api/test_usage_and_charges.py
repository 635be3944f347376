"""Usage and charges come page by page, each row once, and nobody sees another tenant's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from billing.statements.models import Statement
from controlplane.tenants.access import SYSTEM, PlatformRole, Role
from controlplane.tenants.models import Tenant
from controlplane.tenants.services import issue_token
from tests.api.asking import Asking, problem, read
from tests.months import CORE_HOUR, GIB_HOUR, JUNE, begin, runtime, sealed, use
from tests.world import World, member

pytestmark = pytest.mark.django_db
PERIOD = "from=2026-06-01&to=2026-07-01"


@pytest.fixture(autouse=True)
def november() -> Iterator[None]:
    with time_machine.travel(datetime(2026, 11, 20, 12, tzinfo=UTC), tick=True):
        yield


@pytest.fixture
def june(world: World) -> World:
    begin()
    for account in (world.shop, world.lab, world.main):
        use(runtime(), account, JUNE, days=3, vcpu=CORE_HOUR, memory=GIB_HOUR)
    for tenant in (world.archipel, world.basalt):
        sealed(tenant, JUNE)
    return world


@pytest.fixture
def finops(world: World) -> Asking:
    _, token = issue_token(actor=SYSTEM, name="finops", platform_role=PlatformRole.FINOPS)
    return Asking(token=token)


def billed(tenant: Tenant) -> Decimal:
    return Decimal(Statement.objects.get(tenant=tenant, month=JUNE).total)


def walk(asking: Asking, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    following: str | None = path
    while following:
        answer = read(asking.get(following))
        assert len(answer["results"]) <= 3
        found += answer["results"]
        following = answer["next"].partition("/api/v1")[2] if answer["next"] else None
    return found


@pytest.mark.parametrize(("path", "mine", "all_"), [("/usage", 12, 18), ("/charges", 4, 6)])
def test_pages_hold_each_row_once(june: World, finops: Asking, path: str, mine: int, all_: int) -> None:
    alice = walk(Asking(june.alice), f"{path}?{PERIOD}&limit=3")
    everybody = walk(finops, f"{path}?{PERIOD}&limit=3")
    theirs = walk(finops, f"{path}?{PERIOD}&limit=3&tenant=basalt")
    assert len(alice) >= mine
    assert {row["tenant"] for row in alice} == {"archipel"}
    assert {row["tenant"] for row in theirs} == {"basalt"}
    assert len(everybody) == len(alice) + len(theirs) >= all_
    assert len({str(sorted(row.items())) for row in everybody}) == len(everybody)


def test_usage_is_narrowed_by_runtime_and_meter(june: World) -> None:
    asking = Asking(june.alice)
    first = walk(asking, f"/usage?{PERIOD}&limit=3")[0]
    rows = walk(asking, f"/usage?{PERIOD}&limit=3&meter=vcpu&runtime={first['runtime']}")
    assert [row["day"] for row in rows] == ["2026-06-01", "2026-06-02", "2026-06-03"]
    assert {(row["meter"], row["runtime"], row["quantity"]) for row in rows} == {
        ("vcpu", first["runtime"], CORE_HOUR)
    }
    assert {(row["quantity_unit"], row["units"], row["unit"]) for row in rows} == {
        ("millicores x seconds", "1", "Core-Hours")
    }


def test_charges_add_up_to_the_statement(june: World) -> None:
    rows = walk(Asking(june.alice), f"/charges?{PERIOD}&limit=3")
    assert sum(Decimal(row["billed_cost"]) for row in rows) == billed(june.archipel)
    assert {row["sealed"] for row in rows} == {True}


@pytest.mark.parametrize("path", ["/usage", "/charges"])
def test_another_tenant_is_not_found(june: World, path: str) -> None:
    assert problem(Asking(june.alice).get(f"{path}?tenant=basalt"))[0] == 404


@pytest.mark.parametrize(
    "cursor", ["x", "W10", "WyJhIiwxXQ", "WyIyMDI2LTA2LTAxIiw5OTk5OTk5OTk5OTksIngiLCJ4IiwiIiwiIiwiIl0"]
)
@pytest.mark.parametrize("path", ["/usage", "/charges"])
def test_a_made_up_cursor_is_refused(june: World, path: str, cursor: str) -> None:
    assert problem(Asking(june.alice).get(f"{path}?cursor={cursor}")) == (400, "cursor_invalid")


@pytest.mark.parametrize(
    "query", ["from=x", "from=2026-06-02&to=2026-06-01", "from=2020-01-01&to=2026-01-01", "to=9999-12-31"]
)
def test_a_period_that_is_none_is_refused(june: World, query: str) -> None:
    assert problem(Asking(june.alice).get(f"/usage?{query}"))[0] == 400


def test_an_export_is_asked_for_and_seen(june: World, finops: Asking, settings: Any, tmp_path: Any) -> None:
    assert problem(finops.post("/focus-exports", {"month": "2026-06"})) == (409, "export_not_set_up")
    settings.FOCUS_EXPORT_TO = str(tmp_path)
    response = finops.post("/focus-exports", {"month": "2026-06", "format": "parquet"})
    assert response.status_code == 202
    (row,) = read(finops.get("/focus-exports"))["results"]
    assert (row["state"], row["format"], row["month"]) == ("waiting", "parquet", "2026-06")
    assert problem(finops.post("/focus-exports", {"month": "2026-13"}))[0] == 422


def test_reconciliation_and_margin_answer_for_an_empty_month(june: World, finops: Asking) -> None:
    found = read(finops.get("/reconciliation?month=2026-06"))
    assert Decimal(found["total"]["billed"]) == billed(june.archipel) + billed(june.basalt)
    left = read(finops.get("/margin?month=2026-06"))
    assert [row["key"] for row in left["rows"]] == ["archipel", "basalt"]
    assert problem(finops.get("/margin?month=June")) == (400, "invalid_parameter")
    assert problem(Asking(member("fin", june.archipel, Role.FINANCE)).get("/margin")) == (
        403,
        "forbidden",
    )
