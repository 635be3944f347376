"""Footprints as people see them: bars and areas with their tables, nothing cut off on a phone, readable in both looks."""

from __future__ import annotations

import math
from typing import Any

import pytest
from django.db import connection

from billing.books.apply import apply_prices
from controlplane.tenants.access import SYSTEM
from provisioner.runtimes.models import Runtime
from tests.browser.axe import violations
from tests.browser.conftest import Open
from tests.browser.fitting import faults
from tests.footprints import COMPONENTS, make, midnight, seen
from tests.signed_in import build
from tests.usage import begin
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)
DAYS = 6


@pytest.fixture
def full(world: World) -> Runtime:
    """A busy runtime, an idle one, and one that is short of memory; of some days only a part was seen."""
    apply_prices(actor=SYSTEM)
    begin(*(midnight(ago) for ago in range(DAYS + 1)))
    busy, idle, starved = (build(world, name) for name in ("checkout", "playground", "warehouse"))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE usage_span SET until = NULL WHERE phase = 'ready'")
        cursor.execute("UPDATE usage_source SET born = %s", [midnight(DAYS)])
        cursor.execute("DELETE FROM usage_span s WHERE s.until IS NOT NULL")
        cursor.execute("UPDATE usage_span SET since = %s, phase = 'ready'", [midnight(DAYS)])
    nothing: dict[str, Any] = dict.fromkeys(
        (
            "workload_requested_millicores",
            "workload_requested_mib",
            "workload_used_millicores",
            "workload_used_mib",
        ),
        0,
    )
    for ago in range(1, DAYS + 1):
        used = round(1200 + 600 * math.sin(ago))
        more = {**COMPONENTS, "collector": (20 * ago, 96)} if ago < 4 else COMPONENTS
        seen(busy.id, ago, hours_seen=24 if ago != 3 else 9, components=more, workload_used_millicores=used)
        seen(idle.id, ago, **nothing)
        seen(starved.id, ago, workload_used_mib=13000)
    make(DAYS)
    return busy


def checked(page: Any) -> None:
    assert faults(page) + violations(page) == [], page.url


def test_the_pages_of_footprints(world: World, full: Runtime, open_page: Open) -> None:
    """As wide as a desk; `test_money_pages` has them on a phone and in the dark."""
    page = open_page("/footprint", user="alice")
    assert page.get_by_role("heading", name="is utilised by your work").is_visible()
    for path in (
        "/footprint", "/footprint?measure=money&days=7", f"/footprint/{full.id}?measure=carbon&days=7", "/methodology",
    ):  # fmt: skip
        page.goto(path)
        checked(page)
    page = open_page("/fleet/footprint", user="sam")
    checked(page)
    assert page.get_by_role("rowheader", name="istio").is_visible()


def test_an_empty_page_says_what_comes(world: World, open_page: Open) -> None:
    page = open_page("/footprint", user="alice", width=390)
    assert page.get_by_role("heading", name="Nothing was seen yet").is_visible()
    checked(page)
    page = open_page("/fleet/footprint", user="sam", width=390)
    checked(page)


def test_the_fleet_page_reckons_any_change(world: World, full: Runtime, open_page: Open) -> None:
    page = open_page("/fleet/footprint", user="sam")
    page.get_by_label("If each runtime asked for").fill("50")
    page.get_by_role("button", name="Reckon").click()
    page.wait_for_url("**amount=50**")
    assert (
        "0.14 cores" in page.get_by_role("row", name="istio").inner_text()
    )  # 50m in each of three runtimes, of the time seen
    page.goto("/fleet/footprint?amount=-1")
    assert page.get_by_text("must be a whole number").is_visible()
