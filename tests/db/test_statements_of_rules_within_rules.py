"""A price with inclusions and minimums within one another is drafted, sealed, mended and rated again to the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import time_machine
import yaml

from billing.books import agreeing, uploading
from billing.books.models import PriceBook
from billing.pricing.types import ENGINE_VERSION, FIRST_ENGINE, SECOND_ENGINE
from billing.statements import drafting, preparing
from billing.statements.models import Charge, Statement
from billing.statements.verifying import check_statement
from billing.usage.models import Source
from controlplane.tenants.access import SYSTEM
from tests.months import AUGUST, CORE_HOUR, GIB_HOUR, JULY, JUNE, LATER, begin, change, runtime, sealed, use
from tests.world import World

pytestmark = pytest.mark.django_db

BY_UNIT = {"rule": "per_unit", "price": "1"}
TWICE_INCLUDED = {
    "rule": "included",
    "units": 100,
    "then": {"rule": "included", "units": 50, "then": BY_UNIT},
}
TWICE_AT_LEAST = {
    "rule": "minimum",
    "amount": "90",
    "then": {"rule": "minimum", "amount": "50", "then": BY_UNIT},
}
ALL: dict[str, Any] = BY_UNIT
for rule in (
    {"rule": "included", "units": 50},
    {"rule": "minimum", "amount": "50"},
    {"rule": "minimum", "amount": "70"},
    {"rule": "included", "units": 100},
    {"rule": "minimum", "amount": "90"},
):
    ALL = rule | {"then": ALL}
OLD = (FIRST_ENGINE, SECOND_ENGINE)


@pytest.fixture
def world() -> Iterator[World]:
    with time_machine.travel(LATER):
        world = World()
        begin()
        yield world


def agree(world: World, price: dict[str, Any]) -> None:
    """Upload a book of the tenant's own, in which processors cost so."""
    document = dict(PriceBook.objects.get(key="standard").document) | {"key": "own"}
    rest = [entry for entry in document["lines"] if entry["meter"] != "vcpu"]
    cores = {"key": "cores", "meter": "vcpu", "unit": "Core-Hours", "price": price}
    row = uploading.propose(actor=SYSTEM, text=yaml.safe_dump(document | {"lines": [cores, *rest]}))
    uploading.activate(actor=SYSTEM, proposal_id=row.pk)
    agreeing.agree_contract(
        actor=SYSTEM, tenant=world.archipel, title="Own", currency="EUR", starts=JUNE, book="own"
    )


def use_cores(world: World, hours: int) -> Source:
    """So many core-hours in June; in the months behind it nothing but memory."""
    source = runtime()
    use(source, world.shop, JUNE, vcpu=hours * CORE_HOUR)
    for month in (JULY, AUGUST):
        use(source, world.shop, month, memory=GIB_HOUR)
    return source


def parts_of(row: Statement) -> dict[str, Decimal]:
    """What each part of the processors' price comes to; what is included in units, the rest in euros."""
    lines = Charge.objects.filter(statement=row, meter="vcpu")
    return {
        entry.part: entry.base_quantity / CORE_HOUR
        if entry.part.startswith("included")
        else entry.billed_cost
        for entry in lines
    }


def seal_as(engine: str, world: World, month: date, monkeypatch: pytest.MonkeyPatch) -> Statement:
    with monkeypatch.context() as patch:
        for module in (preparing, drafting):
            patch.setattr(module, "ENGINE_VERSION", engine)
        row = sealed(world.archipel, month)
    assert row.engine_version == engine
    return row


@pytest.mark.parametrize(
    ("price", "hours", "parts"),
    [
        (TWICE_INCLUDED, 160, {"included": 100, "included-2": 50, "": 10}),
        (TWICE_AT_LEAST, 10, {"": 10, "minimum-2": 40, "minimum": 40}),
        (
            ALL,
            160,
            {"included": 100, "included-2": 50, "": 10, "minimum-3": 40, "minimum-2": 20, "minimum": 20},
        ),
    ],
)
def test_it_is_drafted_sealed_and_rated_again_to_the_same_bytes(
    world: World, price: dict[str, Any], hours: int, parts: dict[str, int]
) -> None:
    agree(world, price)
    use_cores(world, hours)
    row = sealed(world.archipel, JUNE)
    assert row.problems == []
    assert parts_of(row) == parts
    assert not check_statement(row)


@pytest.mark.parametrize("sealing", [*OLD, ENGINE_VERSION])
def test_a_month_that_changes_is_mended_part_by_part_whatever_sealed_it(
    world: World, sealing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(world, TWICE_AT_LEAST)
    source = use_cores(world, 60)
    june = seal_as(sealing, world, JUNE, monkeypatch)
    assert parts_of(june) == {"": 60, "minimum": 30}
    change(source, JUNE, "vcpu", 10 * CORE_HOUR)
    july = sealed(world.archipel, JULY)
    assert parts_of(july) == {"": -50, "minimum-2": 40, "minimum": 10}
    change(source, JUNE, "vcpu", 100 * CORE_HOUR)
    august = sealed(world.archipel, AUGUST)
    assert parts_of(august) == {"": 90, "minimum-2": -40, "minimum": -40}
    assert not any(check_statement(row) for row in (june, july, august))


@pytest.mark.parametrize("engine", OLD)
@pytest.mark.parametrize(
    ("price", "first", "then", "part"),
    [(TWICE_INCLUDED, 90, 200, {"included": 60}), (TWICE_AT_LEAST, 60, 10, {"minimum": 50})],
)
def test_what_an_older_engine_mended_without_telling_the_parts_apart_is_checked_with_it(
    world: World,
    engine: str,
    price: dict[str, Any],
    first: int,
    then: int,
    part: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    agree(world, price)
    source = use_cores(world, first)
    seal_as(engine, world, JUNE, monkeypatch)
    change(source, JUNE, "vcpu", then * CORE_HOUR)
    row = seal_as(engine, world, JULY, monkeypatch)
    assert parts_of(row) == part | {"": 50 if then > first else -50}
    assert not check_statement(row)
