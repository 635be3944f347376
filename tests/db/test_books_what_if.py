"""A past month is rated with another book from the usage store, and nothing of it is written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command

from billing.books import asking, services
from billing.books.apply import apply_prices
from billing.books.asking import ask_what_if, rate_due, sums_of
from billing.books.loading import DATA
from billing.books.models import PriceBook
from billing.books.usage_items import usage_items
from billing.books.what_if_models import WhatIf, WhatIfAnswer
from billing.books.whatif import find_book, what_if
from billing.pricing.periods import month
from billing.pricing.types import Terms, UsageItem
from billing.pricing.whatif import Compared
from billing.usage.integrals import GAUGES
from billing.usage.models import Day, DayLife
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM, Actor
from controlplane.tenants.isolation.roles import WORKER
from controlplane.tenants.isolation.scopes import tenant_scope
from tests.database_roles import acting_as
from tests.world import World

pytestmark = pytest.mark.django_db

JUNE = month(2026, 6)
DAY_SECONDS = 86_400


@pytest.fixture(autouse=True)
def prices(db: None) -> None:
    apply_prices(actor=SYSTEM)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def dearer(tmp_path: Path) -> Path:
    text = (DATA / "standard-1.yaml").read_text().replace("version: 1", "version: 2")
    file = tmp_path / "candidate.yaml"
    file.write_text(text.replace("price: 0.0300", "price: 0.0400"))
    return file


def use(tenant_id: UUID, *, plan: str = "aws", inferred: int = 0, days: int = 30) -> None:
    """Ten cores for the month's first days, half of each day seen."""
    runtime, account = uuid4(), uuid4()
    zeros = dict.fromkeys(
        ("used_seconds", *GAUGES, "egress_bytes", "allocatable_millicores", "allocatable_mib"), 0
    )
    for number in range(days):
        day = date(2026, 6, 1) + timedelta(days=number)
        row = {
            "day": day, "source": 1, "tenant_id": tenant_id, "account": account, "runtime": runtime, "plan": plan,
            "region": "eu-central-1",
        }  # fmt: skip
        Day.objects.create(
            **row, meter="vcpu", dimension="", quantity=10_000 * DAY_SECONDS // 2, inferred=inferred
        )
        DayLife.objects.create(
            **row,
            **zeros,
            alive_seconds=DAY_SECONDS,
            observed_seconds=DAY_SECONDS // 2,
            inferred_seconds=0,
            unknown_seconds=DAY_SECONDS // 2,
        )


def test_a_tenants_usage_comes_by_month_and_by_day_where_prices_change(world: World, tmp_path: Path) -> None:
    use(world.archipel.id, inferred=5)
    [item] = usage_items(tenant_id=world.archipel.id, terms=services.terms(world.archipel, JUNE))
    assert (item.start, item.end) == JUNE
    assert (item.quantity, item.observed_seconds, item.alive_seconds) == (
        30 * 10_000 * DAY_SECONDS // 2,
        30 * DAY_SECONDS // 2,
        30 * DAY_SECONDS,
    )
    text = (DATA / "standard-1.yaml").read_text()
    (tmp_path / "standard-1.yaml").write_text(text)
    second = text.replace("version: 1", "version: 2").replace("2026-01-01", "2026-06-11")
    (tmp_path / "standard-2.yaml").write_text(second)
    (tmp_path / "trial-1.yaml").write_text((DATA / "trial-1.yaml").read_text())
    apply_prices(actor=SYSTEM, directory=tmp_path)
    items = usage_items(tenant_id=world.archipel.id, terms=services.terms(world.archipel, JUNE))
    assert len(items) == 30
    assert sum(one.quantity for one in items) == item.quantity


def test_inferred_usage_is_billed_only_where_the_book_says_so(world: World, tmp_path: Path) -> None:
    use(world.archipel.id, inferred=7, days=1)
    text = (DATA / "standard-1.yaml").read_text().replace("title:", "bills_inferred: true\ntitle:")
    (tmp_path / "standard-1.yaml").write_text(text)
    (tmp_path / "trial-1.yaml").write_text((DATA / "trial-1.yaml").read_text())
    seen = 10_000 * DAY_SECONDS // 2
    for expected in (seen, seen + 7):
        [item] = usage_items(tenant_id=world.archipel.id, terms=services.terms(world.archipel, JUNE))
        assert item.quantity == expected
        apply_prices(actor=SYSTEM, directory=tmp_path)


def test_every_tenant_with_usage_is_compared_and_nothing_is_written(world: World, dearer: Path) -> None:
    use(world.archipel.id)
    use(world.basalt.id, plan="trial")
    before = list(PriceBook.objects.values())
    found = {
        one.tenant: one for one in what_if(month=JUNE, book=find_book(str(dearer)), instead_of="standard")
    }
    assert set(found) == {"archipel", "basalt"}
    archipel = found["archipel"]
    assert (archipel.before, archipel.after, archipel.change) == (
        Decimal("108.00"),
        Decimal("144.00"),
        Decimal("36.00"),
    )
    assert [entry.change for entry in archipel.differences] == [Decimal("36.00")]
    assert found["basalt"].change == 0
    assert list(PriceBook.objects.values()) == before


def test_any_usage_may_be_rated(world: World) -> None:
    archipel = world.archipel.id

    def usage(tenant_id: UUID, terms: Terms) -> list[UsageItem]:
        seconds = terms.month.seconds
        place = ("a", "r", "aws", "eu-central-1", "node", "m6i.large", terms.month.start, terms.month.end)
        return [UsageItem(*place, 3 * seconds, seconds, seconds)] if tenant_id == archipel else []

    [found] = what_if(month=JUNE, book=find_book("kyma-capacity-units/1"), usage=usage)
    assert (found.tenant, found.before, found.after) == ("archipel", Decimal(0), Decimal("777.60"))


def test_the_command_prints_each_tenants_difference(world: World, dearer: Path) -> None:
    use(world.archipel.id)
    out = StringIO()
    call_command("prices", "whatif", "--book", str(dearer), "--month", "2026-06", stdout=out)
    words = next(line for line in out.getvalue().splitlines() if "archipel" in line).split()
    assert words == ["archipel", "108.00", "144.00", "+36.00", "EUR", "0"]
    out = StringIO()
    call_command("prices", "whatif", "--book", "standard/1", "--month", "2026-02", stdout=out)
    assert "No tenant used anything" in out.getvalue()


@pytest.mark.parametrize(
    ("book", "period", "word"),
    [
        ("gold/1", "2026-06", "There is no price book gold/1; name a YAML file, or one of"),
        ("standard", "2026-06", "There is no price book standard"),
        ("standard/1", "June", "June is no month; write it as 2026-10"),
        ("standard/1", "2026-13", "2026-13 is no month"),
        ("standard/1", "2020-01", "No prices hold in January 2020"),
        ("/nowhere/gold.yaml", "2026-06", "this file can't be read"),
    ],
)
def test_the_command_says_what_is_wrong(book: str, period: str, word: str) -> None:
    with pytest.raises(CommandError, match=word) as wrong:
        call_command("prices", "whatif", "--book", book, "--month", period)
    assert wrong.value.returncode == 2


def test_a_wrong_file_is_refused_with_its_line(dearer: Path) -> None:
    dearer.write_text(dearer.read_text().replace("0.0400", "-1"))
    with pytest.raises(Refused, match=r"candidate.yaml:16: price is -1, but must be at least 0"):
        find_book(str(dearer))


def asked(actor: Actor = SYSTEM, *, instead_of: str = "") -> WhatIf:
    return ask_what_if(
        actor=actor,
        subject=PriceBook.objects.get(key="kyma-capacity-units"),
        month=JUNE.start.date(),
        instead_of=instead_of,
    )


def test_a_question_is_answered_by_a_worker_and_is_what_the_rating_says(world: World) -> None:
    use(world.archipel.id)
    use(world.basalt.id)
    row = asked()
    assert asked().pk == row.pk, "an open question is asked once"
    with acting_as(WORKER):
        assert rate_due() == 1
    row.refresh_from_db()
    assert (row.state, row.rated, row.tenants, row.fault) == ("done", 2, 2, "")
    expected = {
        one.tenant: (one.before, one.after)
        for one in what_if(month=JUNE, book=find_book("kyma-capacity-units/1"))
    }
    assert {one.slug: (one.before, one.after) for one in row.answers.all()} == expected
    assert sums_of(row) == [("EUR", *map(sum, zip(*expected.values(), strict=True)))]
    assert asked().pk != row.pk


def test_a_question_goes_on_behind_the_last_tenant_when_its_worker_dies(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(world.archipel.id)
    use(world.basalt.id)
    monkeypatch.setattr(asking, "AT_ONCE", 1)
    row = asked()

    def dies(**given: Any) -> Iterator[Compared]:
        for one in what_if(**given):
            yield one
            if given["after"] == "":
                raise KeyboardInterrupt("killed")

    monkeypatch.setattr(asking, "what_if", dies)
    with pytest.raises(KeyboardInterrupt, match="killed"):
        rate_due()
    row.refresh_from_db()
    assert (row.state, row.rated, row.reached) == ("running", 1, "archipel")
    assert rate_due() == 0, "its time is not over"
    WhatIf.objects.update(due_at=utcnow() - timedelta(seconds=1))
    assert rate_due() == 1
    row.refresh_from_db()
    seen = [one.slug for one in row.answers.order_by("slug")]
    assert (row.state, row.rated, seen) == ("done", 2, ["archipel", "basalt"])


def test_it_stands_for_no_book_that_there_is_not(world: World) -> None:
    with pytest.raises(Refused, match="There is no price book standart"):
        asked(instead_of="standart")
    assert not WhatIf.objects.exists()


def test_a_month_without_prices_is_answered_with_the_reason(world: World) -> None:
    row = asked()
    WhatIf.objects.update(month=date(2020, 1, 1))
    rate_due()
    row.refresh_from_db()
    assert (row.state, row.fault[:32]) == ("failed", "No prices hold in January 2020; ")


def test_answers_are_kept_for_a_week_and_no_tenant_sees_them(world: World) -> None:
    use(world.archipel.id)
    asked()
    rate_due()
    with tenant_scope(world.archipel.id):
        assert not WhatIfAnswer.objects.exists()
        assert not WhatIf.objects.exists()
    WhatIf.objects.update(finished_at=utcnow() - timedelta(days=8))
    rate_due()
    assert not WhatIfAnswer.objects.exists()


def test_only_finops_asks(world: World) -> None:
    with pytest.raises(Refused) as refused:
        asked(world.sam.actor)
    assert refused.value.status == 403
