"""What another book would have cost is held against what was billed, where books give credit up to a limit too."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import time_machine

from billing.books.whatif import find_book, what_if
from billing.pricing.periods import month_of
from billing.pricing.whatif import Compared
from billing.statements.models import Charge
from billing.usage.models import Source
from billing.usage.slots import start_of
from tests.months import AUGUST, CORE_HOUR, JULY, JUNE, LATER, begin, change, drafted, runtime, sealed, use
from tests.priced import exact
from tests.world import World

pytestmark = pytest.mark.django_db

MONTHS = (JUNE, JULY, AUGUST)
DATA = Path(__file__).parents[2] / "billing/books/data"


@pytest.fixture
def world() -> Iterator[World]:
    """A tenant on trial uses 300 euros' worth a month; the trial gives back 500 in all."""
    with time_machine.travel(LATER):
        world = World()
        begin()
        source = runtime()
        for month in MONTHS:
            use(source, world.shop, month, plan="trial", vcpu=10_000 * CORE_HOUR)
        yield world


def asked(month: date, book: str, instead_of: str = "") -> Compared:
    [found] = what_if(month=month_of(start_of(month)), book=find_book(book), instead_of=instead_of)
    return found


def trial(place: Path, limit: int) -> str:
    """The next version of the trial's book, with another limit."""
    text = (DATA / "trial-1.yaml").read_text()
    assert text.count("version: 1") == text.count("limit: 500") == 1
    file = place / "trial-2.yaml"
    file.write_text(text.replace("version: 1", "version: 2").replace("limit: 500", f"limit: {limit}"))
    return str(file)


def test_before_is_what_was_billed_in_each_month(world: World) -> None:
    rows = [sealed(world.archipel, month) for month in MONTHS]
    assert [row.total for row in rows] == [0, 100, 300]
    for row in rows:
        found = asked(row.month, "trial/1", instead_of="trial")
        assert exact(found.before, found.change) == (row.total, 0)


def test_before_is_what_drafts_say_while_months_are_open(world: World) -> None:
    rows = [drafted(world.archipel, month) for month in MONTHS]
    assert [asked(row.month, "trial/1").before for row in rows] == [0, 100, 300]


def test_what_a_correction_in_the_same_statement_took_is_gone(world: World) -> None:
    sealed(world.archipel, JUNE)
    change(Source.objects.get(), JUNE, "vcpu", 14_000 * CORE_HOUR)  # 120 more of the 500
    row = sealed(world.archipel, JULY)
    own = Charge.objects.filter(statement=row, origin_month__isnull=True)
    billed = sum(charge.billed_cost for charge in own)
    assert billed == 220
    assert asked(JULY, "trial/1").before == billed


def test_what_a_correction_gave_back_is_there_for_the_next_statement_alone(world: World) -> None:
    sealed(world.archipel, JUNE)
    change(Source.objects.get(), JUNE, "vcpu", 5_000 * CORE_HOUR)  # 150 given back
    row = sealed(world.archipel, JULY)
    own = Charge.objects.filter(statement=row, origin_month__isnull=True)
    assert asked(JULY, "trial/1").before == sum(charge.billed_cost for charge in own) == 100
    assert asked(AUGUST, "trial/1").before == drafted(world.archipel, AUGUST).total == 150


def test_another_limit_counts_what_other_months_took_as_well(world: World, tmp_path: Path) -> None:
    for month in MONTHS:
        sealed(world.archipel, month)
    found = asked(JULY, trial(tmp_path, 400), instead_of="trial")
    assert exact(found.before, found.after) == (100, 200)
    found = asked(AUGUST, trial(tmp_path, 900), instead_of="trial")
    assert exact(found.before, found.after) == (300, 0)


def test_a_book_without_a_limit_takes_the_place_of_one_with_it(world: World) -> None:
    sealed(world.archipel, JUNE)
    sealed(world.archipel, JULY)
    assert exact(asked(JULY, "standard/1").before, asked(JULY, "standard/1").after) == (100, 300)
