"""A sealed statement: whole, numbered, hashed, and nobody changes it; not the tables' owner either."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, connections, transaction
from django.test import override_settings

from billing.statements import adjusting, closing, sealing
from billing.statements.adjusting import book_adjustment, withdraw_adjustment
from billing.statements.closing import tick
from billing.statements.models import Adjustment, Charge, State, Statement
from billing.statements.queries import needed_since
from billing.statements.sealing import seal_statement
from billing.statements.verifying import check_statement
from billing.usage.models import Dirty, Progress, Sealed
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import uuid7
from controlplane.notices.models import Notice
from controlplane.tenants.access import SYSTEM, Role
from controlplane.tenants.isolation.roles import PLATFORM, WEB, WORKER
from controlplane.tenants.isolation.scopes import tenant_scope
from controlplane.tenants.models import AuditEvent
from tests.database_roles import acting_as
from tests.months import AUGUST, CORE_HOUR, JULY, JUNE, LATER, begin, drafted, runtime, sealed, use
from tests.usage import live
from tests.world import World, ensure_catalog, member

pytestmark = pytest.mark.django_db
ATTEMPTS = [
    "UPDATE statements_statement SET total = 0",
    "UPDATE statements_statement SET state = 'draft', number = NULL, sealed_at = NULL, digest = ''",
    "UPDATE statements_statement SET names = '{}'",
    "DELETE FROM statements_statement",
    "UPDATE statements_charge SET billed_cost = 0",
    "UPDATE statements_charge SET description = 'other'",
    "DELETE FROM statements_charge",
    'INSERT INTO statements_charge SELECT (jsonb_populate_record(c, \'{"line_id": "x"}\')).* FROM statements_charge c LIMIT 1',
    "UPDATE statements_inputs SET document = ''",
    "DELETE FROM statements_inputs",
    "UPDATE statements_adjustment SET amount = 1",
    "UPDATE statements_adjustment SET statement_id = NULL",
    "DELETE FROM statements_adjustment",
    "TRUNCATE statements_charge",
    "TRUNCATE statements_statement CASCADE",
]


@pytest.fixture
def world(db: None) -> World:
    begin()
    return World()


@pytest.fixture
def june(world: World) -> Statement:
    use(runtime(), world.shop, JUNE, days=30, vcpu=10 * CORE_HOUR)
    book_adjustment(
        actor=SYSTEM, tenant=world.archipel, category="Credit", amount=Decimal("-1.25"), currency="EUR",
        title="Outage of 3 June", reason="ticket 7",
    )  # fmt: skip
    return sealed(world.archipel, JUNE)


def refused(row: Statement, code: str, *, now: datetime = LATER) -> str:
    with pytest.raises(Refused) as caught, transaction.atomic():
        seal_statement(actor=SYSTEM, statement_id=row.pk, now=now)
    assert caught.value.code == code
    return caught.value.detail


def test_a_sealed_statement_is_numbered_hashed_and_told(world: World, june: Statement) -> None:
    assert (june.state, june.number, june.total) == (State.SEALED, 1, Decimal("7.75"))
    assert len(june.digest) == 64
    assert june.books
    assert Sealed.objects.filter(tenant_id=world.archipel.id, month=JUNE).exists()
    assert AuditEvent.objects.filter(action="statement.seal", target_id=str(june.pk)).count() == 1
    assert check_statement(june) == []


@pytest.mark.parametrize("attempt", ATTEMPTS)
@pytest.mark.parametrize("role", ["", WORKER, PLATFORM])
def test_no_role_changes_what_is_sealed(june: Statement, attempt: str, role: str) -> None:
    before = written()
    with pytest.raises(DatabaseError) as caught, transaction.atomic():
        change(attempt, role)
    assert any(
        word in str(caught.value) for word in ("sealed", "billed", "never changed", "permission denied")
    )
    assert written() == before


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_tenants_own_scope_writes_nothing_at_all(world: World, june: Statement, attempt: str) -> None:
    before = written()
    with tenant_scope(world.archipel.id), pytest.raises(DatabaseError), transaction.atomic():
        change(attempt, "")
    assert written() == before


def change(attempt: str, role: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # else TRUNCATE fails for another reason
        if role:
            cursor.execute(f"SET LOCAL ROLE {role}")
        cursor.execute(attempt)


def written() -> Any:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT json_agg(s) FROM statements_statement s), (SELECT json_agg(c) FROM statements_charge c),"
            " (SELECT json_agg(a) FROM statements_adjustment a), (SELECT json_agg(i) FROM statements_inputs i)"
        )
        return cursor.fetchone()


def test_a_statement_is_not_sealed_past_the_door(world: World) -> None:
    use(runtime(), world.shop, JUNE, vcpu=10 * CORE_HOUR)
    row = drafted(world.archipel, JUNE)
    whole = {"state": "sealed", "number": 1, "digest": "0" * 64, "sealed_at": LATER}
    with pytest.raises(DatabaseError, match="has no inputs"), transaction.atomic():
        Statement.objects.filter(pk=row.pk).update(**whole)
    with pytest.raises(DatabaseError, match="does not add up"), transaction.atomic():
        Statement.objects.filter(pk=row.pk).update(**whole, total=0)


def test_another_tenant_sees_none_of_it(world: World, june: Statement) -> None:
    with tenant_scope(world.basalt.id):
        assert not Statement.objects.exists()
        assert not Charge.objects.exists()
    with tenant_scope(world.archipel.id):
        assert Statement.objects.get() == june
        assert Charge.objects.count() == june.charges_count
    with acting_as(WEB):
        assert not Statement.objects.exists()


def test_what_was_tampered_with_is_found(june: Statement) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE statements_charge DISABLE TRIGGER USER")  # as who owns the server could
        cursor.execute("UPDATE statements_charge SET billed_cost = billed_cost + 1 WHERE category = 'Usage'")
    found = " ".join(check_statement(june))
    assert "lines were changed" in found
    assert "add up to 8.75" in found
    assert "come out different" in found


@pytest.mark.parametrize(
    ("field", "value"), [("total", "0"), ("engine_version", "0"), ("number", "9"), ("currency", "USD")]
)
def test_a_changed_row_has_another_digest(june: Statement, field: str, value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE statements_statement DISABLE TRIGGER USER")
        cursor.execute(f"UPDATE statements_statement SET {field} = %s", [value])
    june.refresh_from_db()
    assert "digest is another" in check_statement(june)[0]


def test_usage_that_changes_later_leaves_the_check_alone(june: Statement) -> None:
    from billing.usage.models import Day

    Day.objects.update(quantity=1)
    assert check_statement(june) == []


def test_a_month_that_goes_on_is_not_sealed(world: World) -> None:
    use(runtime(), world.shop, JUNE, vcpu=10 * CORE_HOUR)
    row = drafted(world.archipel, JUNE)
    refused(row, "month_open", now=datetime(2026, 6, 30, 23, 59, tzinfo=UTC))


def test_hours_that_are_still_to_be_made_hold_it_up(world: World) -> None:
    use(runtime(), world.shop, JUNE, vcpu=10 * CORE_HOUR)
    row = drafted(world.archipel, JUNE)
    Dirty.objects.create(hour=datetime(2026, 6, 30, 23, tzinfo=UTC), sources=[1])
    refused(row, "usage_unsettled")
    its, anothers = (
        live(datetime(2026, 6, 1, tzinfo=UTC), tenant=tenant.pk) for tenant in (world.archipel, world.basalt)
    )
    Dirty.objects.update(failures=1, sources=[its.id, anothers.id])
    assert "the first is 30 June 23:00 UTC" in refused(row, "usage_unsettled")
    reached = Progress.objects.get(name="hours").reached
    begin(datetime(2026, 6, 30, 23, tzinfo=UTC))
    Dirty.objects.all().delete()
    refused(row, "usage_unsettled")
    Progress.objects.filter(name="hours").update(reached=reached)
    Dirty.objects.create(hour=datetime(2026, 6, 30, 23, tzinfo=UTC), sources=[anothers.id], failures=1)
    assert seal_statement(actor=SYSTEM, statement_id=row.pk, now=LATER).state == State.SEALED, (
        "an hour that fails for another's runtime holds up nobody else"
    )


def test_a_problem_blocks_sealing_and_says_what_to_do(world: World) -> None:
    use(runtime(), world.shop, JUNE, plan="secret", vcpu=10 * CORE_HOUR)
    detail = refused(drafted(world.archipel, JUNE), "statement_blocked")
    assert "plan secret" in detail
    assert "add one" in detail
    assert not Sealed.objects.exists()


def test_months_are_sealed_in_their_order(world: World) -> None:
    use(runtime(), world.shop, JUNE, days=61, vcpu=10 * CORE_HOUR)
    june, july = drafted(world.archipel, JUNE), drafted(world.archipel, JULY)
    refused(july, "earlier_open")
    seal_statement(actor=SYSTEM, statement_id=june.pk, now=LATER)
    assert seal_statement(actor=SYSTEM, statement_id=july.pk, now=LATER).number == 2
    refused(july, "statement_sealed")


def test_the_beat_waits_for_the_grace_period(world: World) -> None:
    use(runtime(), world.shop, JUNE, days=30, vcpu=10 * CORE_HOUR)
    assert tick(now=datetime(2026, 7, 3, 23, 59, tzinfo=UTC)) == 0
    assert Statement.objects.get().state == State.DRAFT
    with override_settings(STATEMENT_GRACE_HOURS=96):
        assert tick(now=datetime(2026, 7, 4, 0, 0, tzinfo=UTC)) == 0
    assert tick(now=datetime(2026, 7, 4, 0, 0, tzinfo=UTC)) == 1
    assert tick(now=datetime(2026, 7, 4, 0, 1, tzinfo=UTC)) == 0


def test_a_line_is_of_a_statement_and_a_statement_goes_after_its_lines(world: World) -> None:
    use(runtime(), world.shop, JUNE, vcpu=10 * CORE_HOUR)
    row = drafted(world.archipel, JUNE)
    line = Charge.objects.get(statement=row)
    line.statement_id = uuid7()
    with pytest.raises(IntegrityError, match="a line is of no statement"), transaction.atomic():
        Charge.objects.bulk_create([line])
    with (
        pytest.raises(IntegrityError, match="goes after its lines"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM statements_statement WHERE id = %s", [row.pk])
    assert row.delete()[0] == 2


def test_nothing_is_sealed_by_itself_before_older_usage_is_in(world: World, tmp_path: Path) -> None:
    use(runtime(), world.shop, JUNE, days=30, vcpu=10 * CORE_HOUR)
    told = tmp_path / "told"
    with override_settings(STATEMENT_SEALS_AFTER=str(told)):
        assert tick(now=LATER) == 0
        told.touch()
        assert tick(now=LATER) == 1


def test_a_blocked_statement_is_told_to_finops_once_and_holds_up_nobody_else(world: World) -> None:
    from controlplane.tenants.access import PlatformRole
    from controlplane.tenants.services import create_user

    create_user(
        actor=SYSTEM, username="fin", password="correct horse battery", email="fin@example.org",
        platform_role=PlatformRole.FINOPS,
    )  # fmt: skip
    use(runtime(), world.shop, JUNE, plan="secret", vcpu=10 * CORE_HOUR)
    use(runtime(), world.main, JUNE, vcpu=10 * CORE_HOUR)
    assert tick(now=LATER) == 1
    assert tick(now=LATER) == 0
    assert Notice.objects.filter(kind="statement-blocked").count() == 1
    assert set(Statement.objects.values_list("tenant__slug", "state")) == {
        ("archipel", "draft"),
        ("basalt", "sealed"),
    }


def test_finance_is_told_and_owners_where_there_is_nobody_else(world: World) -> None:
    use(runtime(), world.shop, JUNE, days=61, vcpu=10 * CORE_HOUR)
    member("olga", world.archipel, Role.OWNER)
    sealed(world.archipel, JUNE)
    assert list(Notice.objects.values_list("to", flat=True)) == ["olga@example.org"]
    member("fred", world.archipel, Role.FINANCE)
    sealed(world.archipel, JULY)
    assert Notice.objects.filter(kind="statement-sealed", to="fred@example.org").count() == 1
    assert Notice.objects.count() == 2


def test_a_crash_while_sealing_leaves_nothing_behind(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    use(runtime(), world.shop, JUNE, days=30, vcpu=10 * CORE_HOUR)
    row = drafted(world.archipel, JUNE)
    for name in ("_draw", "_close", "settle", "seal_month", "tell_sealed"):
        with monkeypatch.context() as patch:
            if name == "settle":
                continue

            def die(*_: object, **__: object) -> None:
                raise KeyboardInterrupt

            patch.setattr(sealing, name, die)
            with pytest.raises(KeyboardInterrupt), transaction.atomic():
                seal_statement(actor=SYSTEM, statement_id=row.pk, now=LATER)
        row.refresh_from_db()
        assert (row.state, row.number, Sealed.objects.count()) == (State.DRAFT, None, 0)
    assert seal_statement(actor=SYSTEM, statement_id=row.pk, now=LATER).number == 1


def test_samples_are_kept_for_the_oldest_draft(world: World) -> None:
    use(runtime(), world.shop, JUNE, vcpu=10 * CORE_HOUR)
    row = drafted(world.archipel, JUNE)
    assert needed_since(LATER.date()) == JUNE
    seal_statement(actor=SYSTEM, statement_id=row.pk, now=LATER)
    assert needed_since(LATER.date()) == date(2026, 10, 1)


def test_blocked_months_take_nobody_elses_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for tenant, account in ((world.archipel, world.shop), (world.basalt, world.main)):
        use(runtime(), account, JUNE, vcpu=10 * CORE_HOUR)
        drafted(tenant, JUNE)
    given = {"category": "Credit", "amount": Decimal(-1), "currency": "USD", "title": "x", "reason": "y"}
    Adjustment.objects.create(tenant=world.archipel, made_by="x", **given)
    monkeypatch.setattr(closing, "SEALED_AT_ONCE", 1)
    assert tick(now=LATER) == 1
    assert Statement.objects.get(state=State.SEALED).tenant == world.basalt
    assert tick(now=LATER) == 0


def test_an_adjustment_stands_in_the_next_open_month_only(world: World, june: Statement) -> None:
    line = Charge.objects.get(statement=june, category="Credit")
    assert (line.billed_cost, line.description) == (Decimal("-1.25"), "Outage of 3 June")
    with pytest.raises(Refused, match="billed or withdrawn"):
        withdraw_adjustment(actor=SYSTEM, adjustment_id=june.adjustments.get().pk)
    use(runtime(), world.shop, JULY, days=40, vcpu=10 * CORE_HOUR)
    fresh = book_adjustment(
        actor=SYSTEM, tenant=world.archipel, category="Adjustment", amount=Decimal("2"), currency="EUR", title="Setup",
        reason="agreed",
    )  # fmt: skip
    july, august = drafted(world.archipel, JULY), drafted(world.archipel, AUGUST)
    assert july.total - august.total == Decimal("9.30") + 2 - Decimal("2.70")
    withdraw_adjustment(actor=SYSTEM, adjustment_id=fresh.pk)
    assert drafted(world.archipel, JULY).total == Decimal("9.30")


def test_an_adjustment_in_another_currency_blocks(world: World) -> None:
    """It was booked before a contract changed the statement's."""
    use(runtime(), world.shop, JUNE, vcpu=10 * CORE_HOUR)
    given = {"category": "Credit", "amount": Decimal(-1), "currency": "USD", "title": "x", "reason": "y"}
    Adjustment.objects.create(tenant=world.archipel, made_by="x", **given)
    assert "USD" in refused(drafted(world.archipel, JUNE), "statement_blocked")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"amount": Decimal(0)}, "amount_invalid"),
        ({"amount": Decimal("0.001")}, "amount_invalid"),
        ({"amount": Decimal("NaN")}, "amount_invalid"),
        ({"amount": Decimal(5)}, "amount_invalid"),
        ({"amount": Decimal(-(10**9))}, "amount_invalid"),
        ({"currency": "Euro"}, "amount_invalid"),
        ({"currency": "USD"}, "currency_differs"),
        ({"amount": Decimal("-1e999999")}, "amount_invalid"),
        ({"category": "Tax"}, "category_unknown"),
        ({"reason": " "}, "text_missing"),
    ],
)
def test_a_wrong_adjustment_is_refused(world: World, wrong: dict[str, Any], code: str) -> None:
    given: dict[str, Any] = {
        "category": "Credit",
        "amount": Decimal(-5),
        "currency": "EUR",
        "title": "x",
        "reason": "y",
    } | wrong
    with pytest.raises(Refused) as caught:
        book_adjustment(actor=SYSTEM, tenant=world.archipel, **given)
    assert caught.value.code == code


@pytest.fixture
def emptied(transactional_db: None) -> Iterator[None]:
    """Such a test ends by emptying every table, which sealed statements refuse as they must; one before took the catalog."""
    ensure_catalog()
    yield
    switch("DISABLE")
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE statements_statement CASCADE")
    switch("ENABLE")


def switch(how: str) -> None:
    with connection.cursor() as cursor:
        for table in ("statement", "inputs", "charge", "adjustment"):
            cursor.execute(f"ALTER TABLE statements_{table} {how} TRIGGER statements_{table}_stays")


@pytest.mark.django_db(transaction=True)
def test_of_many_who_seal_at_once_one_does(emptied: None) -> None:
    begin()
    world = World()
    use(runtime(), world.shop, JUNE, days=3, vcpu=10 * CORE_HOUR)
    row = drafted(world.archipel, JUNE)

    def attempt(_: int) -> str:
        try:
            seal_statement(actor=SYSTEM, statement_id=row.pk, now=LATER)
            return "sealed"
        except Refused as refusal:
            return refusal.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(attempt, range(4)))
    assert answers == ["sealed", "statement_sealed", "statement_sealed", "statement_sealed"]
    row.refresh_from_db()
    assert (row.number, check_statement(row)) == (1, [])


def test_sealing_leaves_equal_lines_where_they_lie(world: World) -> None:
    source = runtime()
    use(source, world.shop, JUNE, days=30, vcpu=10 * CORE_HOUR)
    drafted(world.archipel, JUNE)
    before = places()
    assert sealed(world.archipel, JUNE).state == State.SEALED
    assert places() == before
    # A draft that came out different has other lines.
    use(source, world.shop, JULY, days=2, vcpu=10 * CORE_HOUR)
    first = drafted(world.archipel, JULY)
    use(source, world.shop, date(2026, 7, 3), vcpu=10 * CORE_HOUR)
    second = drafted(world.archipel, JULY)
    assert first.lines_digest != second.lines_digest
    assert check_statement(sealed(world.archipel, JULY)) == []


def places() -> list[Any]:
    """Where the lines' rows lie: another place is another row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT line_id, ctid::text, xmin::text FROM statements_charge ORDER BY line_id")
        return list(cursor.fetchall())


def test_a_statement_that_breaks_in_sealing_holds_up_nobody_elses(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for account in (world.shop, world.main):
        use(runtime(), account, JUNE, vcpu=10 * CORE_HOUR)
    drafted(world.archipel, JUNE)
    first, seal = Statement.objects.order_by("month", "id")[0].pk, sealing.system_seals

    def stumble(statement_id: Any, now: datetime) -> Any:
        if statement_id == first:
            raise ZeroDivisionError
        return seal(statement_id, now)

    monkeypatch.setattr("billing.statements.closing.system_seals", stumble)
    assert closing.tick(now=LATER) == 1
    assert Statement.objects.get(pk=first).state == State.DRAFT


def test_an_adjustments_currency_is_looked_at_while_no_statement_can_be_made(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    monkeypatch.setattr(adjusting, "lock_statements", lambda _: order.append("lock"))
    monkeypatch.setattr(adjusting, "_check_currency", lambda *_: order.append("look"))
    book_adjustment(
        actor=SYSTEM, tenant=world.archipel, category="Credit", amount=Decimal(-1), currency="EUR", title="x", reason="y"
    )  # fmt: skip
    assert order == ["lock", "look"]
