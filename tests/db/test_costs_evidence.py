"""A figure opens to the hours of its day, an hour to its samples, and each says how much of it is known."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.core.cache import cache

from billing.books.apply import apply_prices
from billing.costs.breakdown import By, Narrow, figures
from billing.costs.evidence import hours_of, samples_of
from billing.costs.months import Known, month_cost
from billing.costs.tables import cells_as_csv
from billing.usage.days import roll_up_days
from billing.usage.hours import roll_up
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.isolation.scopes import tenant_scope
from tests.usage import SLOT, begin, live, morning, send, sight, slots
from tests.world import World

pytestmark = pytest.mark.django_db
TEN = morning()
MORNING = timedelta(hours=3)


@pytest.fixture
def runtime(world: World) -> UUID:
    """A runtime that was seen for two hours of three, with a gap in the middle and nothing in the end."""
    cache.clear()
    apply_prices(actor=SYSTEM)
    begin(TEN)
    source = live(TEN, gone=TEN + MORNING, tenant=world.archipel.id, account=world.shop.id)
    seen = [slot for slot in slots(TEN, 24) if not TEN + 6 * SLOT <= slot < TEN + 9 * SLOT]
    send([sight(source, slot) for slot in seen])
    while roll_up():
        pass
    roll_up_days()
    return source.runtime


def test_a_day_opens_to_its_hours_and_they_tie_with_its_figures(world: World, runtime: UUID) -> None:
    tenant, now = world.archipel.id, TEN + timedelta(days=1)
    with tenant_scope(tenant):
        month = month_cost(tenant_id=tenant, moment=TEN, now=now)
        hours = hours_of(tenant_id=tenant, runtime_id=runtime, day=TEN.date())
    assert [hour.known for hour in hours][:2] == [Known(2700, 900, 0), Known(3600, 0, 0)]
    sums = Known()
    for hour in hours:
        sums = sums.and_(hour.known)
    assert month.known == sums
    assert month.known.share is not None
    assert sum(hour.quantities.get(("vcpu", ""), 0) for hour in hours) == sum(
        cell.quantity for cell in month.cells if cell.meter == "vcpu"
    )


def test_an_hour_opens_to_its_samples_for_its_tenant_only(world: World, runtime: UUID) -> None:
    mine = samples_of(tenant_id=world.archipel.id, runtime_id=runtime, hour=TEN)
    assert [sample.slot for sample in mine] == [slot for slot in slots(TEN, 12) if slot < TEN + 6 * SLOT] + [
        slot for slot in slots(TEN, 12) if slot >= TEN + 9 * SLOT
    ]
    assert samples_of(tenant_id=world.basalt.id, runtime_id=runtime, hour=TEN) == []
    assert hours_of(tenant_id=world.basalt.id, runtime_id=runtime, day=TEN.date()) == []


def test_each_figure_says_how_much_of_its_time_is_known(world: World, runtime: UUID) -> None:
    now: datetime = TEN + timedelta(days=1)
    month = month_cost(tenant_id=world.archipel.id, moment=TEN, now=now)
    for by in (By.ACCOUNT, By.RUNTIME, By.DAY):
        (row,) = figures([month], by, Narrow(runtime=str(runtime)))
        assert row.known == month.known
        assert (row.known.observed, row.known.inferred) == (6300, 900)


def test_the_csv_has_the_finest_figures_and_no_formula(world: World, runtime: UUID) -> None:
    now = TEN + timedelta(days=1)
    month = month_cost(tenant_id=world.archipel.id, moment=TEN, now=now)
    head, *lines = list(cells_as_csv([month], {str(runtime): "=cmd()", str(world.shop.id): "Shop"}))
    assert head.startswith("day,account,account_name,runtime,runtime_name")
    assert len(lines) == len(month.cells)
    assert all(",'=cmd()," in line and line.startswith(TEN.date().isoformat()) for line in lines)
    assert ",6300,900," in lines[0]
