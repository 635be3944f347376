"""What pages and the API are told: sums that tie, a ranking that does not grow with the fleet, findings with their numbers."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.books.apply import apply_prices
from billing.footprint import bearing, reading
from billing.footprint.bearing import bearers
from billing.footprint.findings import findings
from billing.footprint.judging import Kind
from billing.footprint.models import ComponentDay
from billing.footprint.ranking import Unit, rank
from controlplane.kernel.clock import utcnow
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.isolation.scopes import tenant_scope
from provisioner.runtimes.models import Runtime
from tests.footprints import make, midnight, runtime, seen
from tests.signed_in import present
from tests.usage import OTHER, TENANT
from tests.world import World, order

pytestmark = pytest.mark.django_db


def days(number: int = 7) -> reading.Stretch:
    return reading.last_days(number, now=utcnow())


def component(
    name: str, ago: int, *, plan: str = "aws", runtimes: int = 10, cores: int = 100, mib: int = 64
) -> None:
    seconds = runtimes * 86400
    ComponentDay.objects.create(
        day=midnight(ago).date(), component=name, plan=plan, runtimes=runtimes, seconds=seconds,
        requested_millicores=seconds * cores, requested_mib=seconds * mib, used_seconds=seconds // 2,
        used_millicores=seconds // 2 * cores // 4, used_mib=seconds // 2 * mib // 2,
    )  # fmt: skip


def test_runtimes_add_up_to_the_whole_and_so_do_days() -> None:
    for tenant in (TENANT, TENANT, OTHER):
        source = runtime(3, tenant=tenant)
        seen(source, 3)
        seen(source, 2, hours_seen=5)
    make(3)
    whole = reading.whole(days(), tenant_id=TENANT)
    assert whole is not None
    rows = [reading.read(row) for row in reading.of_runtimes(days(), tenant_id=TENANT)]
    by_day = reading.by_day(days(), tenant_id=TENANT)
    assert len(rows) == 2
    for name, total in whole.sums.items():
        assert total == sum(row.sums[name] for row in rows)
        if name != "alive_seconds":  # a day that nobody saw is in no figure, yet was lived
            assert total == sum(day.sums[name] for day in by_day.values())
    assert whole.known_percent == (24 + 5) * 100 // 72


def test_a_tenant_asks_in_vain_for_another() -> None:
    source = runtime(2, tenant=OTHER)
    seen(source, 2)
    make()
    with tenant_scope(TENANT):
        assert reading.whole(days(), tenant_id=OTHER) is None
        assert not reading.of_runtimes(days(), tenant_id=None).exists()


def test_the_ranking_is_what_all_runtimes_ask_for_on_average() -> None:
    apply_prices(actor=SYSTEM)
    for ago in (1, 2):
        component("istio", ago, runtimes=1000, cores=100, mib=128)
        component("small", ago, runtimes=1000, cores=1, mib=1)
    ranking = rank(now=utcnow())
    assert [one.name for one in ranking.components] == ["istio", "small"]
    istio = ranking.components[0]
    assert (istio.requested.cores, istio.requested.gib, istio.runtimes) == (
        Fraction(100),
        Fraction(125),
        1000,
    )
    # 100 cores at 0.03 and 125 GiB at 0.004, for 730 hours.
    assert istio.requested.monthly == Fraction(2190) + Fraction(365)
    assert istio.used is not None
    assert (istio.used.cores, istio.used.gib) == (Fraction(25), Fraction(125, 2))
    # 10 millicores less in each of 1,000 runtimes is 10 cores: 219 a month.
    assert (istio.saving.cores, istio.saving.monthly) == (Fraction(10), Fraction(219))
    assert istio.growth_percent is None


def test_a_component_opens_to_the_runtimes_that_it_is_in(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny, small, large, without = (runtime(1) for _ in range(4))
    hour = timedelta(hours=1)
    seen(tiny, 1, every=hour, components={"istio": (50, 128)})
    seen(small, 1, every=hour, components={"istio": (100, 128)})
    seen(large, 1, every=hour, components={"istio": (300, 128), "other": (1, 1)})
    seen(without, 1, every=hour, components={"other": (1, 1)})
    monkeypatch.setattr(bearing, "MOST", 2)
    found, count = bearers(component="istio", now=utcnow())
    assert count == 3, "one more than is listed"
    assert [(one.runtime, one.millicores, one.mib) for one in found] == [
        (large.runtime, 300, 128),
        (small.runtime, 100, 128),
    ]
    assert bearers(component="nobody's", now=utcnow()) == ([], 0)


def test_any_change_of_a_request_can_be_reckoned() -> None:
    apply_prices(actor=SYSTEM)
    component("istio", 1, runtimes=512)
    (one,) = rank(now=utcnow(), unit=Unit.MIB, amount=32).components
    assert (one.saving.cores, one.saving.gib) == (Fraction(0), Fraction(16))
    assert one.saving.monthly == 16 * Fraction("0.004") * 730


def test_growth_is_against_the_week_four_weeks_before() -> None:
    component("istio", 1, runtimes=15)
    component("istio", 29, runtimes=10)
    component("gone", 29)
    (one,) = rank(now=utcnow()).components
    assert one.growth_percent == 50


def test_without_prices_the_ranking_says_so() -> None:
    component("istio", 1)
    (one,) = rank(now=utcnow()).components
    assert one.requested.monthly is None
    assert one.saving.monthly is None


def test_the_ranking_costs_as_many_statements_however_large_the_fleet() -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            rank(now=utcnow())
        return len([query for query in captured.captured_queries if "SAVEPOINT" not in query["sql"]])

    component("first", 1)
    few = statements()
    for number in range(30):
        component(f"more-{number}", 1, runtimes=10**6)
    assert statements() == few


def test_an_idle_runtime_is_found_with_the_days_it_rests_on(world: World) -> None:
    present(world.landscape)
    built = Runtime.objects.get(pk=order(world).runtime_id)
    source = runtime(5)  # makes partitions
    with connection.cursor() as cursor:
        cursor.execute("UPDATE usage_source SET born = %s WHERE runtime = %s", [midnight(5), built.id])
        cursor.execute(
            "UPDATE usage_span SET since = %s, phase = 'ready' WHERE runtime = %s", [midnight(5), built.id]
        )
    nothing: dict[str, Any] = dict.fromkeys(
        (
            "workload_requested_millicores",
            "workload_requested_mib",
            "workload_used_millicores",
            "workload_used_mib",
        ),
        0,
    )
    for ago in (4, 3, 2):
        seen(built.id, ago, **nothing)
        seen(source, ago, **nothing)  # no such runtime any more: it needs no advice
    make(4)
    (found,) = findings(tenant_id=world.archipel.id, now=utcnow())
    assert (found.kind, found.stretch.runtime, found.stretch.days) == (Kind.IDLE, built.id, 3)
    assert not findings(tenant_id=world.basalt.id, now=utcnow())
    assert len(findings(tenant_id=None, now=utcnow())) == 1
