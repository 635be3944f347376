"""A month that a credit cuts is billed as in one piece; what an older engine sealed wrongly is still checked byte by byte."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import time_machine

from billing.books import agreeing
from billing.exports.services import ask_export, write_due
from billing.pricing.types import ENGINE_VERSION, FIRST_ENGINE
from billing.statements import drafting, preparing
from billing.statements.models import Charge, Statement
from billing.statements.verifying import check_statement
from billing.usage.models import Source
from controlplane.tenants.access import SYSTEM, Actor, PlatformRole
from tests.months import JULY, JUNE, LATER, begin, change, drafted, runtime, sealed, use
from tests.priced import exact
from tests.world import World

pytestmark = pytest.mark.django_db

FINOPS = Actor("token:finops", platform_role=PlatformRole.FINOPS)
GIB_DAY = 24 * 3600


@pytest.fixture
def world() -> Iterator[World]:
    """A tenant with capacity units, whose credit ends within June; it has much storage before that and little later."""
    with time_machine.travel(LATER):
        world = World()
        begin()
        agreeing.agree_contract(
            actor=SYSTEM,
            tenant=world.archipel,
            title="Units",
            currency="EUR",
            starts=JUNE,
            book="kyma-capacity-units",
        )
        agreeing.grant_credit(
            actor=SYSTEM, tenant=world.archipel, title="Welcome", currency="EUR", amount=Decimal(100),
            starts=date(2026, 5, 1), expires=date(2026, 6, 11), reason="welcome",
        )  # fmt: skip
        source = runtime()
        use(source, world.shop, JUNE, days=10, block_storage__gp3=64 * GIB_DAY)
        use(source, world.shop, date(2026, 6, 11), days=20, block_storage__gp3=10 * GIB_DAY)
        use(source, world.shop, JULY, days=31, block_storage__gp3=10 * GIB_DAY)
        yield world


def usage_of(row: Statement) -> list[Decimal]:
    lines = Charge.objects.filter(statement=row, category="Usage").order_by("position")
    return list(lines.values_list("billed_cost", flat=True))


def as_first_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (preparing, drafting):
        monkeypatch.setattr(module, "ENGINE_VERSION", FIRST_ENGINE)


def test_hours_of_the_whole_month_cover_its_storage_and_its_export_is_written(
    world: World, tmp_path: Path
) -> None:
    row = sealed(world.archipel, JUNE)
    assert exact(row.total, usage_of(row), row.engine_version) == (0, [0, 0], ENGINE_VERSION)
    assert not check_statement(row)
    job = ask_export(actor=FINOPS, month=JUNE, to=str(tmp_path))
    write_due(only=job.pk)
    job.refresh_from_db()
    assert (job.state, job.fault) == ("done", "")


def test_what_the_first_engine_sealed_is_checked_with_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        as_first_engine(patch)
        row = sealed(world.archipel, JUNE)
    assert (row.total, row.engine_version) == (Decimal("-4.80"), FIRST_ENGINE)
    assert not check_statement(row)


def test_an_engine_that_this_release_has_not_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        for module in (preparing, drafting):
            patch.setattr(module, "ENGINE_VERSION", "0")
        row = sealed(world.archipel, JUNE)
    assert check_statement(row) == [
        "It was rated by engine 0, this release has 1, 2, 3: check it with a release of that engine."
    ]


def test_a_draft_of_the_first_engine_is_made_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        as_first_engine(patch)
        assert drafted(world.archipel, JUNE).total == Decimal("-4.80")
    row = drafted(world.archipel, JUNE)
    assert exact(row.total, row.engine_version) == (0, ENGINE_VERSION)


def test_a_sealed_month_is_mended_by_the_next_statement_once_its_usage_changes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        as_first_engine(patch)
        assert sealed(world.archipel, JUNE).total == Decimal("-4.80")
    change(Source.objects.get(), date(2026, 6, 12), "block_storage", 11 * GIB_DAY)
    row = sealed(world.archipel, JULY)
    assert row.total == Decimal("4.80")
    assert not check_statement(row)
