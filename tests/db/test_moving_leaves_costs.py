"""What an account's runtimes cost until it moves stays with the tenant that had it: seen usage, through the door that moves."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.core.cache import cache
from django.db.models import Sum

from billing.books.apply import apply_prices
from billing.costs.evidence import hours_of
from billing.costs.months import month_cost
from billing.statements.models import Charge
from billing.usage.closing import begin_again, close_hours
from billing.usage.days import roll_up_days
from billing.usage.hours import roll_up
from billing.usage.models import DayLife, Source, Span
from billing.usage.samples import SampleIn
from controlplane.kernel.clock import utcnow
from controlplane.tenants.access import SYSTEM, Actor, PlatformRole
from controlplane.tenants.isolation.scopes import tenant_scope
from provisioner.lifecycle.move import move_account
from provisioner.runtimes.models import Runtime
from tests.months import drafted
from tests.signed_in import build, present
from tests.usage import HOUR, SMALL, begin, morning, send, sight, slots
from tests.world import World

pytestmark = pytest.mark.django_db

TEN = morning()
AT = TEN + timedelta(minutes=31, seconds=17)  # in the middle of a slot
BEFORE, AFTER = 1877, 3600 - 1877  # seconds
CORES = SMALL["vcpu"][""] // 1000


@pytest.fixture
def moved(world: World) -> World:
    """A runtime of Archipel's shop, seen for an hour; in the middle of it the shop went to Basalt."""
    cache.clear()
    apply_prices(actor=SYSTEM)
    begin(TEN)
    runtime = build(world)
    present(world.basalt, world.lab)
    Span.objects.filter(runtime=runtime.id).exclude(until=None).delete()  # what building took
    Span.objects.filter(runtime=runtime.id).update(since=TEN)
    Source.objects.filter(runtime=runtime.id).update(born=TEN)
    send(sights(runtime, 6))
    move_account(
        actor=Actor("paula", platform_role=PlatformRole.ADMIN),
        account_id=world.shop.id,
        from_slug="archipel",
        to_slug="basalt",
        reason="The team was sold.",
    )
    spans = Span.objects.filter(runtime=runtime.id)  # as if it had moved then
    assert spans.filter(tenant_id=world.archipel.id, until__isnull=False).update(until=AT) == 1
    assert spans.filter(tenant_id=world.basalt.id, until=None).update(since=AT) == 1
    send(sights(runtime, 12)[6:])
    Runtime.objects.filter(pk=runtime.pk).update(deleted_at=utcnow(), phase="deprovisioned")
    spans.filter(until=None).delete()
    spans.filter(since=AT).update(until=TEN + HOUR)
    added_up()
    return world


def sights(runtime: Runtime, count: int) -> list[SampleIn]:
    source = Source.objects.get(runtime=runtime.id)
    return [sight(source, slot) for slot in slots(TEN, count)]


def added_up() -> None:
    begin_again(TEN)
    close_hours()
    roll_up()
    roll_up_days()


def lived(tenant_id: UUID) -> dict[str, Any]:
    rows = DayLife.objects.filter(tenant_id=tenant_id)
    return rows.aggregate(alive=Sum("alive_seconds"), seen=Sum("observed_seconds"))


def test_each_second_is_booked_where_the_account_was_in_it(moved: World) -> None:
    assert lived(moved.archipel.id) == {"alive": BEFORE, "seen": BEFORE}
    assert lived(moved.basalt.id) == {"alive": AFTER, "seen": AFTER}


def test_each_statement_demands_its_own_tenants_part_and_together_they_are_the_whole(moved: World) -> None:
    parts: dict[str, Decimal] = {}
    for tenant in (moved.archipel, moved.basalt):
        row = drafted(tenant, TEN.date().replace(day=1), now=utcnow())
        line = Charge.objects.get(statement=row, meter="vcpu")
        assert (line.account, row.names[str(moved.shop.id)]) == (moved.shop.id, "shop")
        parts[tenant.slug] = line.quantity
    whole = Decimal(CORES)
    assert sum(parts.values()) == pytest.approx(whole)
    assert parts["archipel"] == pytest.approx(whole * BEFORE / 3600)


def test_what_comes_late_of_the_time_before_is_still_the_first_tenants(moved: World) -> None:
    runtime = Runtime.objects.get()
    assert runtime.tenant == moved.basalt
    larger = {"vcpu": {"": 8000}, "node": {"m5.large": 4}}
    source = Source.objects.get(runtime=runtime.id)
    send([sight(source, TEN, levels=larger, epoch=1)])
    added_up()
    paid = {
        tenant.slug: Charge.objects.get(
            statement=drafted(tenant, TEN.date().replace(day=1), now=utcnow()), meter="vcpu"
        ).quantity
        for tenant in (moved.archipel, moved.basalt)
    }
    assert paid["archipel"] == pytest.approx(Decimal(CORES) * (BEFORE + 300) / 3600)
    assert paid["basalt"] == pytest.approx(Decimal(CORES) * AFTER / 3600)


def test_each_tenants_pages_show_its_own_part_and_nothing_of_the_others(moved: World) -> None:
    runtime = Runtime.objects.get()
    found = {}
    for tenant, seconds in ((moved.archipel, BEFORE), (moved.basalt, AFTER)):
        with tenant_scope(tenant.id):
            month = month_cost(tenant_id=tenant.id, moment=TEN, now=utcnow())
            (hour,) = hours_of(tenant_id=tenant.id, runtime_id=runtime.id, day=TEN.date())
            assert hour.known.observed == seconds
            found[tenant.slug] = month.total
            other = moved.basalt if tenant == moved.archipel else moved.archipel
            assert month_cost(tenant_id=other.id, moment=TEN, now=utcnow()).cells == ()
    assert found["archipel"] >= found["basalt"] > 0
