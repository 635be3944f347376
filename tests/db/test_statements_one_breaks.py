"""A tenant whose draft can't be made keeps nobody else from theirs: it is set apart, told once, and tried again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import DataError
from structlog.testing import capture_logs

from billing.books import agreeing
from billing.books.apply import apply_prices
from billing.books.loading import DATA
from billing.books.models import PriceBook
from billing.statements import closing, drafting
from billing.statements.closing import tick
from billing.statements.drafting import draft_month
from billing.statements.models import Charge, Statement
from billing.statements.preparing import prepare
from billing.statements.writing import write_lines
from billing.usage.models import Day
from controlplane.notices.models import Notice
from controlplane.tenants.access import SYSTEM, PlatformRole
from controlplane.tenants.models import Account, Tenant
from controlplane.tenants.services import create_user
from tests.months import CORE_HOUR, JULY, JUNE, LATER, begin, runtime, use
from tests.world import World

pytestmark = pytest.mark.django_db
TOO_MUCH = 2**62  # three days of it are more than the sum of a month holds


@pytest.fixture
def world(db: None) -> World:
    begin()
    create_user(
        actor=SYSTEM, username="fin", password="correct horse battery", email="fin@example.org",
        platform_role=PlatformRole.FINOPS,
    )  # fmt: skip
    return World()


@pytest.fixture
def tenants(world: World) -> list[UUID]:
    """Seven tenants in order, each with usage in June."""
    accounts = [world.shop, world.main]
    for number in range(5):
        tenant = Tenant.objects.create(slug=f"more-{number}", name=f"More {number}")
        accounts.append(Account.objects.create(tenant=tenant, slug="own", name="Own"))
    for account in accounts:
        use(runtime(), account, JUNE, days=3, vcpu=10 * CORE_HOUR)
    return sorted(account.tenant_id for account in accounts)


def broken(tenant: UUID) -> None:
    """Let a tenant's usage be more than PostgreSQL can add up."""
    assert Day.objects.filter(tenant=tenant).update(quantity=TOO_MUCH) == 3


def drafted_tenants() -> list[UUID]:
    return sorted(Statement.objects.values_list("tenant_id", flat=True))


def letters() -> list[str]:
    return list(Notice.objects.filter(kind="statement-undrafted").values_list("to", flat=True))


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many are in every batch that is tried."""
    sizes: list[int] = []

    def noted(batch: Sequence[UUID], *rest: Any) -> Any:
        sizes.append(len(batch))
        return prepare(batch, *rest)

    monkeypatch.setattr(drafting, "prepare", noted)
    return sizes


@pytest.mark.parametrize("place", [0, 3, 6])
def test_the_others_are_drafted_in_the_same_beat(tenants: list[UUID], place: int) -> None:
    broken(tenants[place])
    with capture_logs() as logs:
        assert draft_month(JUNE, now=LATER) == 6
    assert drafted_tenants() == [tenant for tenant in tenants if tenant != tenants[place]]
    [entry] = [entry for entry in logs if entry["event"] == "statements.draft_broke"]
    assert (entry["tenant"], entry["month"]) == (str(tenants[place]), "2026-06-01")


def test_the_batch_is_halved_until_the_one_is_found(tenants: list[UUID], tried: list[int]) -> None:
    broken(tenants[0])
    draft_month(JUNE, now=LATER)
    assert tried == [7, 3, 1, 2, 4]


def test_it_is_told_to_finops_once_and_drafted_once_it_is_mended(world: World, tenants: list[UUID]) -> None:
    broken(world.basalt.id)
    for _ in range(3):
        draft_month(JUNE, now=LATER)
    assert letters() == ["fin@example.org"]
    Day.objects.filter(tenant=world.basalt).update(quantity=10 * CORE_HOUR)
    assert draft_month(JUNE, now=LATER) == 1
    assert drafted_tenants() == tenants
    assert len(letters()) == 1


def test_nothing_half_written_is_left_where_writing_breaks(
    world: World, tenants: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    draft_month(JUNE, now=LATER)
    before = dict(Statement.objects.values_list("tenant_id", "input_digest"))
    for account in (world.shop, world.main):
        use(runtime(), account, JUNE, vcpu=10 * CORE_HOUR)

    def breaking(statements: Sequence[tuple[Statement, Sequence[Sequence[Any]]]]) -> None:
        write_lines(statements)
        if any(row.tenant_id == world.basalt.id for row, _ in statements):
            raise DataError("numeric field overflow")

    monkeypatch.setattr(drafting, "write_lines", breaking)
    assert draft_month(JUNE, now=LATER) == 1
    after = dict(Statement.objects.values_list("tenant_id", "input_digest"))
    changed = {tenant for tenant in before if before[tenant] != after[tenant]}
    assert changed == {world.archipel.id}
    assert Charge.objects.filter(tenant=world.basalt).count() == 1
    assert Charge.objects.filter(tenant=world.archipel).count() == 2


def test_a_draft_that_breaks_is_not_sealed_and_the_others_are(world: World, tenants: list[UUID]) -> None:
    draft_month(JUNE, now=LATER)
    broken(world.basalt.id)
    assert tick(now=LATER) == 6
    assert Statement.objects.get(tenant=world.basalt).state == "draft"


def test_its_later_months_are_told_apart(world: World, tenants: list[UUID]) -> None:
    broken(world.basalt.id)
    use(runtime(), world.main, JULY, days=3, vcpu=TOO_MUCH)
    for month in (JUNE, JULY):
        draft_month(month, now=LATER)
    assert len(letters()) == 2


def test_what_breaks_for_everybody_is_no_tenants_fault(
    tenants: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafting, "NOBODYS_OWN", 4)
    for tenant in tenants:
        broken(tenant)
    with pytest.raises(DataError):
        draft_month(JUNE, now=LATER)
    assert len(letters()) == 3
    with capture_logs() as logs:
        closing.draft_open(JUNE, now=LATER)
    assert logs[-1]["event"] == "statements.draft_broke"


def test_where_the_database_is_away_nobody_is_blamed(
    tenants: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Away:
        def is_usable(self) -> bool:
            return False

    broken(tenants[0])
    monkeypatch.setattr(drafting, "connection", Away())
    with pytest.raises(DataError):
        draft_month(JUNE, now=LATER)
    assert (drafted_tenants(), letters()) == ([], [])


def test_whom_no_letter_reaches_keeps_nobody_from_a_draft(
    tenants: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: Any) -> int:
        raise LookupError

    monkeypatch.setattr(drafting, "tell_undrafted", lost)
    broken(tenants[0])
    assert draft_month(JUNE, now=LATER) == 6


def test_a_price_that_was_let_in_before_there_were_bounds_is_a_problem_of_its_line_alone(
    world: World, tenants: list[UUID]
) -> None:
    apply_prices(actor=SYSTEM, directory=DATA)
    row = PriceBook.objects.get(key="standard")
    document = {**row.document, "key": "own", "title": "x" * 90}
    priced = [entry for entry in document["lines"] if entry["meter"] == "vcpu"]
    dear = [{**priced[0], "price": {"rule": "per_unit", "price": "9" * 15}}]
    document["lines"] = [entry for entry in document["lines"] if entry["meter"] != "vcpu"] + dear
    PriceBook.objects.create(
        key="own", version=1, title="Own", currency="EUR", effective_from=row.effective_from,
        document=document, digest=uuid4().hex * 2,
    )  # fmt: skip
    agreeing.agree_contract(
        actor=SYSTEM, tenant=world.basalt, title="Own", currency="EUR", starts=JUNE, book="own"
    )
    assert draft_month(JUNE, now=LATER) == 7
    drafted = Statement.objects.get(tenant=world.basalt)
    assert [problem["code"] for problem in drafted.problems] == ["cost_too_large"]
    assert "own version 1, price line vcpu" in drafted.problems[0]["detail"]
    assert letters() == []
