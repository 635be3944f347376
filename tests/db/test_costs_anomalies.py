"""Days out of the ordinary are found among those that changed, kept once, and dismissed with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.books import agreeing
from billing.books.apply import apply_prices
from billing.costs.anomalies import dismiss_anomaly
from billing.costs.finding import find_anomalies, least
from billing.costs.models import Anomaly, AnomalyState, DirtyDay
from billing.usage.models import Day, Source
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM, Role
from controlplane.tenants.isolation.roles import WORKER
from tests.costing import CORES, FIRST, TODAY, days_of, runtime_of
from tests.database_roles import acting_as
from tests.priced import JUNE, book, line, rates, terms
from tests.world import World, member

pytestmark = pytest.mark.django_db
YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture(autouse=True)
def prices(db: None) -> None:
    apply_prices(actor=SYSTEM)


def find() -> int:
    with acting_as(WORKER):
        return find_anomalies(today=TODAY)


def leaping(world: World, *, by: int = 10) -> Source:
    """A runtime that used so many times more yesterday."""

    def meters(day: date) -> Mapping[str, int]:
        return {"vcpu": 10 * CORES * (by if day == YESTERDAY else 1), "memory": 1024 * 3600 * 100}

    source = runtime_of(world.shop)
    days_of(world.shop, source, meters=meters)
    return source


def test_a_day_that_leaps_is_kept_with_the_meter_that_moved(world: World) -> None:
    source = leaping(world)
    other = runtime_of(world.lab)
    days_of(world.lab, other)
    assert find() == 100  # each of two runtimes' fifty days
    row = Anomaly.objects.get()
    assert (row.runtime, row.day, row.account, row.state) == (
        source.runtime, YESTERDAY, world.shop.id, AnomalyState.OPEN,
    )  # fmt: skip
    assert (row.worth, row.usual) == (Decimal("72.40"), Decimal("7.60"))
    assert row.moved == [{"meter": "vcpu", "dimension": "", "worth": "72.000000", "usual": "7.200000"}]


def test_only_days_that_changed_are_looked_at(world: World) -> None:
    source = leaping(world)
    find()
    assert not DirtyDay.objects.exists()
    with CaptureQueriesContext(connection) as caught:
        assert find() == 0
    assert len([query for query in caught if "costs_" in query["sql"]]) == 1
    Day.objects.filter(source=source.id, day=YESTERDAY).update(quantity=10 * CORES)
    assert find() == 1


def test_late_usage_that_explains_it_settles_it_and_another_look_opens_it_again(world: World) -> None:
    source = leaping(world)
    find()
    mine = Day.objects.filter(source=source.id, day=YESTERDAY, meter="vcpu")
    mine.update(quantity=10 * CORES)
    find()
    assert Anomaly.objects.get().state == AnomalyState.SETTLED
    mine.update(quantity=99 * CORES)
    find()
    assert Anomaly.objects.get().state == AnomalyState.OPEN


def test_what_was_dismissed_stays_dismissed(world: World) -> None:
    source = leaping(world)
    find()
    row = Anomaly.objects.get()
    fin = member("fin", world.archipel, Role.FINANCE)
    with pytest.raises(Refused, match="must say why"):
        dismiss_anomaly(actor=fin.actor, anomaly_id=row.id, reason="  ")
    with pytest.raises(Refused, match="There is no anomaly"):
        dismiss_anomaly(actor=world.bob.actor, anomaly_id=row.id, reason="not mine")
    with pytest.raises(Refused, match="does not allow"):
        dismiss_anomaly(actor=world.vera.actor, anomaly_id=row.id, reason="looking")
    dismissed = dismiss_anomaly(actor=fin.actor, anomaly_id=row.id, reason="a load test")
    assert (dismissed.state, dismissed.reason) == (AnomalyState.DISMISSED, "a load test")
    with pytest.raises(Refused, match="dismissed already"):
        dismiss_anomaly(actor=fin.actor, anomaly_id=row.id, reason="again")
    Day.objects.filter(source=source.id, day=YESTERDAY, meter="vcpu").update(quantity=99 * CORES)
    find()
    assert Anomaly.objects.get().state == AnomalyState.DISMISSED


def test_a_small_leap_is_nothing(world: World) -> None:
    source = runtime_of(world.shop)
    days_of(world.shop, source, meters=lambda day: {"vcpu": CORES // (1 if day == YESTERDAY else 10)})
    find()
    assert not Anomaly.objects.exists()


@pytest.mark.parametrize(
    ("currency", "rate", "cores", "kept"),
    [
        ("HUF", "400", 3, False),  # 2.16 instead of 0.72 euros: 576 forints are as little
        ("HUF", "400", 4, True),
        ("KWD", "0.35", 4, True),  # 0.756 dinars are more than two euros
        ("JPY", None, 1, False),  # without a rate it has no prices either
    ],
)
def test_what_is_small_is_as_small_in_every_currency(
    world: World, currency: str, rate: str | None, cores: int, kept: bool
) -> None:
    since = FIRST.replace(day=1)
    agreeing.agree_contract(
        actor=SYSTEM, tenant=world.archipel, title="Agreed", currency=currency, starts=since
    )
    if rate:
        agreeing.publish_rate(
            actor=SYSTEM, base="EUR", quote=currency, since=since, rate=Decimal(rate), source="x"
        )
    days_of(
        world.shop,
        runtime_of(world.shop),
        meters=lambda day: {"vcpu": CORES * (cores if day == YESTERDAY else 1)},
    )
    find()
    assert Anomaly.objects.filter(currency=currency).exists() == kept


def test_where_no_rate_says_what_is_small_only_shares_decide() -> None:
    held = terms(book(line("vcpu", "1"), currency="JPY"), currency="JPY")
    assert least(held, JUNE.start.date()) == 0
    rated = terms(book(line("vcpu", "1")), currency="JPY", rates=rates(("EUR", "JPY", JUNE.start, "170")))
    assert least(rated, JUNE.start.date()) == 340
    assert least(terms(book(line("vcpu", "1"))), JUNE.start.date()) == 2


def test_what_is_long_past_is_forgotten_without_a_look(world: World) -> None:
    DirtyDay.objects.create(day=TODAY - timedelta(days=400), sources=[runtime_of(world.shop).id])
    assert find() == 0
    assert not DirtyDay.objects.exists()
