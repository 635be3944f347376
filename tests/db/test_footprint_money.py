"""A footprint's money is what the tenant pays for the nodes: its contract's price, of the day, in its currency."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from billing.books import agreeing
from billing.costs.node_costs import contracted_costs
from billing.footprint import making, ports
from billing.footprint.ports import Held
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.isolation.roles import WORKER
from tests.database_roles import acting_as
from tests.months import CORE_HOUR, GIB_HOUR, JUNE, begin, runtime, use
from tests.world import World

pytestmark = pytest.mark.django_db
NODES = {"vcpu": 96 * CORE_HOUR, "memory": 384 * GIB_HOUR}
LISTED = Decimal("0.03") * 96 + Decimal("0.004") * 384


def test_start_up_tells_footprints_whom_to_ask() -> None:
    assert ports.costs_of is contracted_costs
    assert making.ports is ports


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
