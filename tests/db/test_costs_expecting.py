"""What a runtime would cost in a month is reckoned before it is ordered, by the tenant's own prices of today."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from billing.books.apply import apply_prices
from billing.costs.expecting import Expected, expected_month
from controlplane.catalog.facts import load_plan_facts
from controlplane.catalog.validation import check_parameters
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM
from tests.world import World

pytestmark = pytest.mark.django_db

JUNE = datetime(2026, 6, 20, 12, tzinfo=UTC)  # 720 hours


def expected(world: World, plan: str, **parameters: Any) -> Expected | None:
    facts = load_plan_facts(plan)
    wanted = check_parameters(facts, {"region": facts.regions[0].name, **parameters})
    return expected_month(tenant_id=world.archipel.id, plan=facts, parameters=wanted, now=JUNE)


def test_nodes_and_control_plane_are_reckoned_from_the_fewest_to_the_most(world: World) -> None:
    apply_prices(actor=SYSTEM)
    found = expected(world, "aws", machineType="m6i.large", autoScalerMin=3, autoScalerMax=5)
    node = 2 * Decimal("0.03") + 8 * Decimal("0.004")
    assert found == Expected(720 * (3 * node + Decimal("0.1")), 720 * (5 * node + Decimal("0.1")), "EUR")


def test_a_pool_that_may_be_empty_counts_when_it_is_full(world: World) -> None:
    apply_prices(actor=SYSTEM)
    pool = {
        "name": "gpu",
        "machineType": "g6.xlarge",
        "haZones": False,
        "autoScalerMin": 0,
        "autoScalerMax": 2,
    }
    size = {"machineType": "m6i.large", "autoScalerMin": 3, "autoScalerMax": 3}
    alone, beside = (
        expected(world, "aws", **size, **more) for more in ({}, {"additionalWorkerNodePools": [pool]})
    )
    assert alone is not None
    assert beside is not None
    assert (alone.least, alone.least) == (alone.most, beside.least)
    node = 4 * Decimal("0.03") + 16 * Decimal("0.004") + Decimal("1.20")
    assert beside.most - beside.least == 720 * 2 * node


def test_what_is_given_back_costs_nothing(world: World) -> None:
    apply_prices(actor=SYSTEM)
    facts = load_plan_facts("trial")
    wanted = check_parameters(facts, {"region": "eu-central-1"})
    found = expected_month(tenant_id=world.archipel.id, plan=facts, parameters=wanted, now=JUNE)
    assert found == Expected(Decimal(0), Decimal(0), "EUR")


def test_without_prices_nobody_guesses(world: World) -> None:
    with pytest.raises(Refused, match="load a price book"):
        expected(world, "aws")
