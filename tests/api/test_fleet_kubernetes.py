"""Who runs which Kubernetes is asked of what was seen, not of what is wanted: a release says nothing of who failed on its way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict

from controlplane.console.fleet_queries import FleetFilters, fleet_page
from controlplane.console.queries import PAGE_SIZE
from controlplane.kernel.clock import utcnow
from provisioner.runtimes.models import Runtime
from tests.api.test_fleet_pages_go_by_what_they_show import PROBED, reading_of
from tests.rolling_out import NEW, OLD, fleet, release
from tests.signed_in import browse, text
from tests.world import World

pytestmark = pytest.mark.django_db
WHERE = "/fleet/runtimes"


def told(world: World, query: str) -> list[str]:
    return [one.name for one in fleet_page(world.sam.actor, FleetFilters.read(QueryDict(query))).rows]


def seen(runtimes: Sequence[Runtime], version: str, **more: Any) -> list[str]:
    """Let them have been seen with this version; return their names, newest first."""
    status = {"situation": "ready", "kubernetes_version": version}
    Runtime.objects.filter(pk__in=[one.pk for one in runtimes]).update(status=status, **more)
    return sorted((one.name for one in runtimes), reverse=True)


def test_who_failed_behind_the_control_plane_is_found_by_what_it_runs(world: World) -> None:
    made = fleet(world.shop, [world.landscape], 12)
    failed = seen(made[:7], "1.34.8", phase="failed")
    seen(made[7:10], "1.33.8")  # as their release has it
    others = sorted((one.name for one in made[7:]), reverse=True)
    assert told(world, "kubernetes=1.34") == told(world, "kubernetes=1.34.8") == failed
    assert told(world, "q=1.34") == told(world, "q=1.34.8") == failed
    assert told(world, "kubernetes=1.34&phase=failed") == failed
    assert told(world, "kubernetes=1.34&label=tier=gold") == [
        name for name in failed if int(name[-1]) % 2 == 0
    ]
    assert told(world, "kubernetes=1.33") == told(world, "q=1.33") == others
    assert told(world, "kubernetes=1.33&phase=failed") == told(world, "kubernetes=1.3") == []
    page = text(browse(world.sam).get("/fleet/"))
    assert "1.34 7 1.33 , 1 behind 5" in page
    assert "As their clusters were seen last" in page


def test_a_version_that_no_release_has_is_counted_and_found(world: World) -> None:
    made = fleet(world.shop, [world.landscape], 3)
    seen(made[:1], "1.32.1")
    sre = browse(world.sam)
    assert "1.33 2 1.32 , 1 behind 1" in text(sre.get("/fleet/"))
    assert told(world, "kubernetes=1.32") == [made[0].name]
    assert "r-shop-00000" in text(sre.get(f"{WHERE}?kubernetes=1.32"))


@pytest.mark.parametrize(
    "query", ["kubernetes=9.99&label=tier=gold", "kubernetes=abc&q=tier=gold", "kubernetes=9.99"]
)
def test_of_a_version_that_nobody_has_there_is_nobody(world: World, query: str) -> None:
    fleet(world.shop, [world.landscape], 3)
    assert told(world, query) == []
    assert browse(world.sam).get(f"{WHERE}?{query}").status_code == 200


def test_pages_go_both_ways_through_who_was_seen_with_it_and_who_is_to_have_it(world: World) -> None:
    made = fleet(world.shop, [world.landscape], 70)
    seen(made[::2], "1.34.8")
    Runtime.objects.filter(pk__in=[one.pk for one in made[1::4]]).update(spec={"release": release(NEW)})
    wanted = sorted((one.name for at, one in enumerate(made) if at % 4 != 3), reverse=True)
    by_name = {one.name: one.pk for one in made}

    def page(edge: str, at: int) -> list[str]:
        return told(world, f"kubernetes=1.34&{edge}={by_name[wanted[at]]}")

    assert told(world, "kubernetes=1.34") == wanted[:PAGE_SIZE]
    assert page("after", PAGE_SIZE - 1) == wanted[PAGE_SIZE : 2 * PAGE_SIZE]
    assert page("before", PAGE_SIZE + 3) == wanted[3 : PAGE_SIZE + 3]


def test_whoever_writes_wish_or_sight_writes_how_they_stand(world: World) -> None:
    row = fleet(world.shop, [world.landscape], 1)[0]

    def apart(**change: Mapping[str, Any]) -> str:
        Runtime.objects.filter(pk=row.pk).update(**change)
        return str(Runtime.objects.get(pk=row.pk).kubernetes_apart)

    assert apart() == ""
    assert apart(status={"kubernetes_version": "1.34.8"}) == "1.34.8"
    assert apart(spec={"release": release(NEW)}) == ""
    assert apart(spec={"release": {**release(OLD), "kubernetes_patch": "1.34.8"}}) == ""
    assert apart(spec={"release": release(OLD)}) == "1.34.8"
    row.refresh_from_db()
    row.kubernetes_apart = ""
    row.save()
    assert Runtime.objects.get(pk=row.pk).kubernetes_apart == "1.34.8"
    assert apart(status={}) == ""


def test_those_of_before_are_told_by_the_migration(world: World) -> None:
    made = fleet(world.shop, [world.landscape], 3)
    seen(made[:1], "1.34.8")
    of = "provisioner.runtimes.migrations"
    trigger, rows = (
        import_module(f"{of}.{one}") for one in ("0013_kubernetes_apart", "0014_by_kubernetes_apart")
    )
    with connection.cursor() as cursor:
        cursor.execute(trigger.BACKWARD)
        cursor.execute("UPDATE runtimes_runtime SET kubernetes_apart = ''")
        cursor.execute(trigger.FORWARD)
        cursor.execute(rows.THOSE_APART)
    assert list(Runtime.objects.order_by("pk").values_list("kubernetes_apart", flat=True)) == [
        "1.34.8",
        "",
        "",
    ]


@pytest.mark.parametrize(
    "path", [f"{WHERE}?kubernetes=1.34", f"{WHERE}?kubernetes=1.34.8&phase=failed", "/fleet/"]
)
def test_a_page_of_few_who_are_apart_reads_no_more_of_many(world: World, path: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    sre = browse(world.sam)
    seen(fleet(world.shop, [world.landscape], 60)[:5], "1.34.8", phase="failed")

    def read() -> int:
        with reading_of("runtimes_runtime") as page:
            assert sre.get(path).status_code == 200
        return page.rows

    few = read()
    fleet(world.lab, [world.landscape], 1000)
    assert read() <= few + PROBED


def test_who_is_gone_counts_nowhere(world: World) -> None:
    made = fleet(world.shop, [world.landscape], 2)
    seen(made[:1], "1.34.8", phase="deprovisioned", deleted_at=utcnow())
    assert told(world, "kubernetes=1.34") == []
    assert "1.34" not in text(browse(world.sam).get("/fleet/")).partition("Kubernetes skew")[2]
