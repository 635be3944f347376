"""A footprint's money is what the tenant pays for the nodes: its contract's price, of the day, in its currency."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.books import agreeing
from billing.books.models import ExchangeRate
from billing.costs.node_costs import contracted_costs
from billing.footprint import ports, reading
from billing.footprint.models import MEASURES, PARTS, FootprintDay
from billing.footprint.ports import Held
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.isolation.roles import WORKER
from tests.database_roles import acting_as
from tests.months import CORE_HOUR, GIB_HOUR, JUNE, begin, runtime, use
from tests.world import World

pytestmark = pytest.mark.django_db
NODES: dict[str, Any] = {"vcpu": 96 * CORE_HOUR, "memory": 384 * GIB_HOUR}
LISTED = Decimal("0.03") * 96 + Decimal("0.004") * 384


def test_start_up_tells_footprints_whom_to_ask() -> None:
    assert ports.costs_of is contracted_costs


def test_a_contracts_discount_is_taken_off_for_its_tenant_only(world: World) -> None:
    begin()
    agreeing.agree_contract(
        actor=SYSTEM, tenant=world.archipel, title="Quarter off", discount_percent=Decimal(25), starts=JUNE, currency="EUR",
    )  # fmt: skip
    ours, theirs = runtime(), runtime()
    use(ours, world.shop, JUNE, days=3, **NODES, block_storage__gp3=100 * 86_400)
    use(theirs, world.main, JUNE, days=3, **NODES)
    day = JUNE + timedelta(days=1)
    with acting_as(WORKER):
        found = contracted_costs([world.archipel.pk, world.basalt.pk], day)
    assert {held.runtime: (cost.amount, cost.currency) for held, cost in found.items()} == {
        ours.runtime: (LISTED * Decimal("0.75"), "EUR"),
        theirs.runtime: (LISTED, "EUR"),
    }
    assert Held(world.archipel.pk, world.shop.pk, "aws", ours.runtime) in found


def test_a_runtime_that_changes_hands_within_a_day_costs_each_its_part(world: World) -> None:
    begin()
    source = runtime()
    use(source, world.shop, JUNE, vcpu=24 * CORE_HOUR)
    use(source, world.main, JUNE, vcpu=72 * CORE_HOUR)
    found = contracted_costs([world.archipel.pk, world.basalt.pk], JUNE)
    assert {held.tenant_id: cost.amount for held, cost in found.items()} == {
        world.archipel.pk: Decimal("0.72"),
        world.basalt.pk: Decimal("2.16"),
    }


def test_without_prices_footprints_keep_to_list_prices(world: World) -> None:
    assert contracted_costs([world.archipel.pk], date(2026, 6, 3)) == {}


def test_the_fleets_money_is_told_in_the_houses_currency_where_tenants_pay_in_several(world: World) -> None:
    begin()
    zero = {f"{measure}_{part}": 0 for measure in MEASURES for part in PARTS}
    for account, currency, cost in ((world.shop, "USD", 2_000_000), (world.main, "EUR", 500_000)):
        source = runtime()
        FootprintDay.objects.create(
            day=JUNE, source=source.id, tenant_id=account.tenant_id, account=account.id, runtime=source.runtime, plan="aws",
            region="eu-central-1", alive_seconds=86_400, observed_seconds=86_400, cpu_overrun=0, memory_overrun=0, carbon_low=0,
            carbon_high=0, carbon_storage=0, region_known=True, use_known=True, factors=1, currency=currency,
            **{**zero, "cost_workload": cost},
        )  # fmt: skip
    june = reading.Stretch(JUNE, JUNE + timedelta(days=1))
    ExchangeRate.objects.filter(base="USD", quote="EUR").delete()
    blind = reading.whole(june, tenant_id=None)
    assert blind is not None
    assert blind.currency == "", "what has no rate is not added to what has"
    ExchangeRate.objects.create(base="USD", quote="EUR", since=JUNE, rate=Decimal("0.9"), source="test")
    whole = reading.whole(june, tenant_id=None)
    assert whole is not None
    assert (whole.currency, whole.parts("cost").workload) == ("EUR", 2_300_000)
    own = reading.whole(june, tenant_id=world.archipel.pk)
    assert own is not None
    assert (own.currency, own.parts("cost").workload) == ("USD", 2_000_000)
