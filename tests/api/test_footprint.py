"""Footprints by the API: a page of runtimes, their sum, findings, the fleet's ranking, and what carbon is estimated with."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from billing.books.apply import apply_prices
from controlplane.tenants.access import SYSTEM, PlatformRole
from controlplane.tenants.services import issue_token
from provisioner.runtimes.models import Runtime
from tests.api.asking import Asking, problem, read
from tests.footprints import make, midnight, runtime, seen
from tests.signed_in import browse, build, present
from tests.world import World

pytestmark = pytest.mark.django_db


def lived(world: World, name: str) -> Runtime:
    """A runtime of Archipel that was there two days ago."""
    row = build(world, name)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE usage_source SET born = %s WHERE runtime = %s", [midnight(2), row.id])
        cursor.execute("DELETE FROM usage_span WHERE runtime = %s AND until IS NOT NULL", [row.id])
        cursor.execute("UPDATE usage_span SET since = %s WHERE runtime = %s", [midnight(2), row.id])
    return row


@pytest.fixture
def used(world: World) -> list[Runtime]:
    apply_prices(actor=SYSTEM)
    runtime(2)  # makes partitions, and is another tenant's
    rows = [lived(world, name) for name in ("one", "two", "three")]
    for row in rows:
        seen(row.id, 2)
    make()
    return rows


def whole(parts: dict[str, str]) -> Decimal:
    return sum((Decimal(parts[name]) for name in ("workload", "platform", "reserve", "idle")), Decimal(0))


def test_a_runtime_is_split_and_priced(world: World, used: list[Runtime]) -> None:
    first = read(Asking(world.alice).get("/footprint?days=7&limit=1"))["results"][0]
    assert (first["name"], first["account"], first["tenant"]) == ("three", "shop", "archipel")
    assert first["core_hours"] == {
        "workload": "36.000",
        "platform": "9.600",
        "reserve": "4.800",
        "idle": "45.600",
    }
    assert whole(first["gib_hours"]) == 16 * 24
    assert (first["cost"]["currency"], whole(first["cost"])) == ("EUR", Decimal("4.416"))
    carbon = first["carbon"]
    assert Decimal(carbon["low"]) < Decimal(carbon["total"]) < Decimal(carbon["high"])


def test_pages_follow_one_another(world: World, used: list[Runtime]) -> None:
    asking = Asking(world.alice)
    names: list[str] = []
    path: str | None = "/footprint?limit=2"
    while path:
        page = read(asking.get(path))
        names += [entry["name"] for entry in page["results"]]
        path = page["next"] and page["next"].partition("/api/v1")[2]
    assert names == ["three", "two", "one"]


def test_the_summary_is_the_sum_of_the_runtimes(world: World, used: list[Runtime]) -> None:
    total = read(Asking(world.alice).get("/footprint/summary"))
    assert total["total"]["core_hours"]["workload"] == "108.000"
    assert [entry["day"] for entry in total["by_day"]] == [str(midnight(2).date())]
    assert total["by_day"][0]["core_hours"] == total["total"]["core_hours"]


def test_a_viewer_sees_no_money(world: World, used: list[Runtime]) -> None:
    asking = Asking(world.vera)
    assert [entry["cost"] for entry in read(asking.get("/footprint"))["results"]] == [None, None, None]
    assert read(asking.get("/footprint/summary"))["total"]["cost"] is None


def test_a_day_opens_to_its_hours_for_who_may_see_costs(world: World, used: list[Runtime]) -> None:
    pages = [
        browse(person).get(f"/footprint/{used[0].pk}").content.decode()
        for person in (world.alice, world.vera)
    ]
    assert [f'<a href="/costs/runtimes/{used[0].pk}/20' in page for page in pages] == [True, False]


def test_another_tenant_sees_nothing_of_it(world: World, used: list[Runtime]) -> None:
    asking = Asking(world.bob)
    assert read(asking.get("/footprint"))["results"] == []
    assert read(asking.get("/footprint/summary"))["total"] is None
    assert read(asking.get("/footprint/findings"))["results"] == []


def test_the_team_sees_all_or_the_tenant_it_names(world: World, used: list[Runtime]) -> None:
    asking = Asking(world.sam)
    found = read(asking.get("/footprint"))["results"]
    assert {entry["name"] for entry in found} == {"one", "two", "three", None}
    present(world.basalt)
    assert read(asking.get("/footprint?tenant=basalt"))["results"] == []


def test_the_ranking_reckons_a_change(world: World, used: list[Runtime]) -> None:
    _, token = issue_token(actor=SYSTEM, name="fin", platform_role=PlatformRole.FINOPS)
    ranking = read(Asking(token=token).get("/fleet/footprint?unit=mib&amount=1024"))
    assert [entry["component"] for entry in ranking["results"]] == ["istio", "metrics-server"]
    istio = ranking["results"][0]
    assert (istio["runtimes"], istio["requested"]["cores"], istio["saving"]["gib"]) == (3, "0.300", "3.000")
    assert istio["saving"]["monthly"] == "8.76"  # 3 GiB at 0.004 for 730 hours


@pytest.mark.parametrize(
    "query", ["days=0", "days=93", "days=x", "days=1e9", "cursor=nonsense", "limit=0", "nothing=1"]
)
def test_what_cannot_be_asked_is_named(world: World, query: str) -> None:
    assert problem(Asking(world.alice).get(f"/footprint?{query}"))[0] == 400


@pytest.mark.parametrize("query", ["unit=mib,mib", "unit=cores", "amount=0", "amount=-1", "amount=1000001"])
def test_a_change_that_cannot_be_reckoned_is_named(world: World, query: str) -> None:
    assert problem(Asking(world.sam).get(f"/fleet/footprint?{query}")) == (400, "invalid_parameter")


def test_every_carbon_figure_has_its_source(world: World) -> None:
    factors: dict[str, Any] = read(Asking(world.vera).get("/carbon-factors"))
    assert factors["figures"]["grid.eu-central-1.g_per_kwh"]["mid"] == "338.000000"
    assert {one["source"] for one in factors["figures"].values()} <= factors["sources"].keys()
