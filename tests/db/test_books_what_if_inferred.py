"""A book that bills inferred time is held against one that does not by what each of them would bill, as drafts do."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from billing.books.apply import apply_prices
from billing.books.loading import DATA
from billing.books.whatif import find_book, stored_usage, what_if
from billing.pricing.periods import month
from billing.pricing.types import Terms, UsageItem
from billing.usage.models import Day, DayLife
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.models import Tenant
from tests.months import CORE_HOUR, JUNE, begin, drafted, runtime, use
from tests.priced import exact
from tests.world import World

pytestmark = pytest.mark.django_db

HALF = 43_200  # of a day, in seconds
PERIOD = month(2026, 6)


@pytest.fixture
def world() -> World:
    """Ten cores for ten days, of which one half was seen and the other inferred."""
    world = World()
    begin()
    seen = 10 * 12 * CORE_HOUR
    use(runtime(), world.shop, JUNE, days=10, seen=HALF, inferred=HALF, vcpu=seen)
    Day.objects.update(inferred=seen)
    return world


def write(folder: Path, *, infers: bool, name: str = "standard-1.yaml") -> Path:
    text = (DATA / "standard-1.yaml").read_text()
    file = folder / name
    file.write_text(text.replace("title:", f"bills_inferred: {str(infers).lower()}\ntitle:", 1))
    return file


def demanded(world: World, folder: Path, *, infers: bool) -> Decimal:
    """What a draft demands once the standard book is so."""
    for name in ("trial-1.yaml", "kyma-capacity-units-1.yaml"):
        (folder / name).write_text((DATA / name).read_text())
    write(folder, infers=infers)
    apply_prices(actor=SYSTEM, directory=folder)
    return drafted(world.archipel, JUNE).total


@pytest.mark.parametrize("infers", [False, True])
@pytest.mark.parametrize("instead_of", ["", "standard"])
def test_each_book_is_rated_with_what_a_draft_would_bill_by_it(
    world: World, tmp_path: Path, infers: bool, instead_of: str
) -> None:
    before = demanded(world, tmp_path, infers=infers)
    other = find_book(str(write(tmp_path, infers=not infers, name="candidate.yaml")))
    [found] = what_if(month=PERIOD, book=other, instead_of=instead_of)
    (tmp_path / "candidate.yaml").unlink()
    assert (found.before, found.after) == (before, demanded(world, tmp_path, infers=not infers))
    assert exact(found.before, found.change) == ((72, -36) if infers else (36, 36))
    assert [entry.change for entry in found.differences] == [found.change]


def test_usage_is_read_again_only_where_the_other_book_bills_another_time(
    world: World, tmp_path: Path
) -> None:
    read: list[UUID] = []

    def usage(tenant_id: UUID, terms: Terms) -> Sequence[UsageItem]:
        read.append(tenant_id)
        return stored_usage(tenant_id, terms)

    def readings(*, infers: bool, instead_of: str = "") -> list[UUID]:
        read.clear()
        book = find_book(str(write(tmp_path, infers=infers)))
        assert len([*what_if(month=PERIOD, book=book, instead_of=instead_of, usage=usage)]) == 1
        return sorted(read)

    tenants = sorted(Tenant.objects.values_list("pk", flat=True))
    assert readings(infers=False) == tenants
    assert readings(infers=True, instead_of="kyma-capacity-units") == tenants
    assert readings(infers=True) == sorted(tenants * 2)


def test_who_was_never_seen_is_told_of_what_a_book_that_bills_inferred_time_would_bill(
    world: World, tmp_path: Path
) -> None:
    Day.objects.update(quantity=0)
    DayLife.objects.update(observed_seconds=0, unknown_seconds=HALF)

    def billed(tenant_id: UUID, terms: Terms) -> Sequence[UsageItem]:
        return [item for item in stored_usage(tenant_id, terms) if item.quantity]

    book = find_book(str(write(tmp_path, infers=True)))
    for usage in (stored_usage, billed):
        [found] = what_if(month=PERIOD, book=book, usage=usage)
        assert (found.tenant, *exact(found.before, found.change)) == ("archipel", 0, 36)
    assert [*what_if(month=PERIOD, book=book, instead_of="kyma-capacity-units", usage=billed)] == []
