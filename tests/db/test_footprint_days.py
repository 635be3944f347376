"""A runtime's day is split once it is over, and again whenever it comes out anew."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from billing.books.apply import apply_prices
from billing.footprint import making, ports
from billing.footprint.models import ComponentDay, Dirty, FootprintDay
from billing.footprint.ports import Held, NodeCost
from billing.footprint.split import CORE_HOUR, GIB_HOUR
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.isolation.scopes import tenant_scope
from tests.footprints import COMPONENTS, make, midnight, runtime, seen
from tests.usage import ACCOUNT, OTHER, TENANT

pytestmark = pytest.mark.django_db


def test_a_day_is_split_into_work_platform_reserve_and_idle() -> None:
    source = runtime(2)
    seen(source, 2)
    make()
    row = FootprintDay.objects.get(day=midnight(2).date())
    hours = 24 * CORE_HOUR
    assert (row.cpu_workload, row.cpu_platform, row.cpu_reserve, row.cpu_idle) == (
        1.5 * hours, 0.4 * hours, 0.2 * hours, 1.9 * hours,
    )  # fmt: skip
    assert (row.memory_workload, row.memory_platform, row.memory_reserve, row.memory_idle) == (
        4 * 24 * GIB_HOUR, 24 * GIB_HOUR, 2 * 24 * GIB_HOUR, 9 * 24 * GIB_HOUR,
    )  # fmt: skip
    assert (row.cpu_overrun, row.memory_overrun, row.observed_seconds) == (0, 0, 86400)


def test_unknown_time_is_nobodys() -> None:
    source = runtime(2)
    seen(source, 2, hours_seen=6)
    make()
    row = FootprintDay.objects.get(day=midnight(2).date())
    assert (row.observed_seconds, row.alive_seconds) == (6 * 3600, 86400)
    assert row.cpu_workload + row.cpu_platform + row.cpu_reserve + row.cpu_idle == 6 * 4 * CORE_HOUR


def test_a_day_nobody_saw_has_no_footprint_but_its_time() -> None:
    source = runtime(3)
    seen(source, 2)
    make()
    row = FootprintDay.objects.filter(source=source.id, day=midnight(3).date()).first()
    assert row is None or row.observed_seconds == 0 == row.cpu_idle


def test_money_is_the_list_price_of_the_nodes() -> None:
    apply_prices(actor=SYSTEM)
    seen(runtime(2), 2)
    make()
    row = FootprintDay.objects.get(day=midnight(2).date())
    # 96 core-hours at 0.03 and 384 GiB-hours at 0.004.
    assert row.currency == "EUR"
    assert row.cost_workload + row.cost_platform + row.cost_reserve + row.cost_idle == 2_880_000 + 1_536_000
    assert row.cost_workload == 1_080_000 + 384_000  # 36 core-hours and 96 GiB-hours


def test_a_known_cost_is_split_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    apply_prices(actor=SYSTEM)
    source = runtime(2)
    held = Held(TENANT, ACCOUNT, "aws", source.runtime)
    monkeypatch.setattr(ports, "costs_of", lambda tenants, day: {held: NodeCost(Decimal("3.01"), "USD")})
    seen(source, 2)
    make()
    row = FootprintDay.objects.get(day=midnight(2).date())
    assert row.currency == "USD"
    assert row.cost_workload + row.cost_platform + row.cost_reserve + row.cost_idle == 3_010_000


def test_without_prices_there_is_no_money() -> None:
    seen(runtime(2), 2)
    make()
    assert FootprintDay.objects.get(day=midnight(2).date()).currency == ""


def test_carbon_is_there_with_its_range() -> None:
    seen(runtime(2), 2)
    make()
    row = FootprintDay.objects.get(day=midnight(2).date())
    parts = row.carbon_workload + row.carbon_platform + row.carbon_reserve + row.carbon_idle
    assert 0 < row.carbon_low < parts + row.carbon_storage < row.carbon_high
    # Four cores of AWS in Frankfurt, used by 42.5 %, for a day: 272.5 g of idle power, and 2.76 W x 1.7 cores x 24 h on top.
    busy = 2.76 * 1.7 * 24 / 1000 * 1.135 * 338 * 1000
    idle = 0.74 * 4 * 24 / 1000 * 1.135 * 338 * 1000
    memory = 16 * 1.073741824 * 0.000392 * 24 * 1.135 * 338 * 1000
    embodied = 1e9 / 35040 / 96 * 4 * 24
    assert abs(parts - (busy + idle + memory + embodied)) < 5
    assert (row.region_known, row.use_known, row.factors) == (True, True, 1)


def test_late_samples_make_the_day_anew() -> None:
    source = runtime(2)
    seen(source, 2, hours_seen=6)
    make()
    seen(source, 2, hours_seen=12)
    assert make() == 1
    assert FootprintDay.objects.get(day=midnight(2).date()).observed_seconds == 12 * 3600
    assert not Dirty.objects.filter(day__lt=midnight(0).date()).exists()
    assert make() == 0


def test_making_a_day_again_changes_nothing() -> None:
    source = runtime(2)
    seen(source, 2)
    make()
    before = stored()
    Dirty.objects.create(day=midnight(2).date(), sources=[source.id])
    assert making.make_day(midnight(2).date())
    assert stored() == before


def stored() -> tuple[list[Any], list[Any]]:
    """Return every row, in an order that doesn't tell which was written last."""
    return (
        list(FootprintDay.objects.order_by("pk").values()),
        list(ComponentDay.objects.order_by("pk").values()),
    )


def test_components_are_summed_up_over_the_fleet() -> None:
    for number in range(3):
        seen(runtime(2, plan="aws" if number else "gcp"), 2, every=5 * (midnight(1) - midnight(2)) / 1440)
    make()
    rows = ComponentDay.objects.filter(day=midnight(2).date(), component="istio")
    assert {row.plan: (row.runtimes, row.requested_millicores) for row in rows} == {
        "aws": (2, 2 * 86400 * COMPONENTS["istio"][0]),
        "gcp": (1, 86400 * COMPONENTS["istio"][0]),
    }
    assert {row.used_millicores // row.used_seconds for row in rows} == {100}
    assert sum(row.used_seconds for row in rows) == 3 * 86400


def test_a_tenant_sees_its_own_footprints_only() -> None:
    seen(runtime(2), 2)
    seen(runtime(2, tenant=OTHER), 2)
    make()
    assert FootprintDay.objects.filter(day=midnight(2).date()).count() == 2
    with tenant_scope(TENANT):
        assert {row.tenant_id for row in FootprintDay.objects.all()} == {TENANT}
        assert not ComponentDay.objects.exists()
        with connection.cursor() as cursor:
            cursor.execute("SELECT has_table_privilege('nesoi_web', 'footprint_day', 'INSERT')")
            assert cursor.fetchone() == (False,)
