"""Hours and days are what the oracle says, in whatever order samples come, whoever makes them, and wherever it breaks off."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from billing.usage import closing, days, hours, interning, making, sources, tasks
from billing.usage import rolling_queries as sql
from billing.usage.late import is_settled, unmade
from billing.usage.models import Day, DayLife, Dirty, DirtyDay, Hour, Shape, Source, Span
from billing.usage.partitions import make
from billing.usage.slots import start_of
from controlplane.tenants.isolation.roles import PLATFORM, WORKER
from tests.database_roles import acting_as
from tests.usage import (
    HOUR,
    LARGE,
    OTHER,
    SLOT,
    SMALL,
    begin,
    forget_hours,
    live,
    made,
    morning,
    piece,
    second_by_second,
    send,
    sight,
    slots,
)

pytestmark = pytest.mark.django_db
TEN = morning()


@pytest.fixture(autouse=True)
def partitions(db: None) -> None:
    begin(TEN)


def roll() -> None:
    while hours.roll_up():
        pass


def seconds(hour: datetime = TEN, source: Source | None = None) -> tuple[int, int, int]:
    rows = Hour.objects.filter(hour=hour, **({"source": source.id} if source else {}))
    found = [(row.observed_seconds, row.inferred_seconds, row.unknown_seconds) for row in rows]
    return tuple(map(sum, zip(*found, strict=True))) if found else (0, 0, 0)  # type: ignore[return-value]


def mark(hour: datetime, *whose: Source) -> None:
    Dirty.objects.create(hour=hour, sources=[source.id for source in whose])


def test_a_whole_hour_of_one_shape_is_one_row() -> None:
    source = live(TEN - HOUR)
    send([sight(source, slot) for slot in slots(TEN, 12)])
    roll()
    row = Hour.objects.get(hour=TEN)
    assert (row.observed_seconds, row.inferred_seconds, row.unknown_seconds, row.used_seconds) == (
        3600,
        0,
        0,
        3600,
    )
    assert (row.workload_requested_millicores, row.workload_used_mib, row.egress_bytes) == (
        500 * 3600,
        100 * 3600,
        120,
    )
    assert Shape.objects.get(id=row.shape).levels == SMALL


def test_a_second_making_changes_nothing() -> None:
    source = live(TEN - HOUR)
    send([sight(source, slot) for slot in slots(TEN, 7)])
    roll()
    before = list(Hour.objects.values())
    mark(TEN, source)
    roll()
    assert list(Hour.objects.values()) == before


def test_late_samples_land_in_their_hour_and_mend_the_gap() -> None:
    source = live(TEN - HOUR)
    sent = slots(TEN, 12)
    send([sight(source, slot) for slot in sent if slot not in (sent[3], sent[4])])
    roll()
    assert seconds() == (3000, 600, 0)
    send([sight(source, sent[3]), sight(source, sent[4], levels=LARGE)])
    roll()
    assert seconds() == (3600, 0, 0)
    assert Hour.objects.filter(hour=TEN).count() == 2


def test_a_gap_across_the_hours_edge_is_found_from_both_sides() -> None:
    source = live(TEN - 2 * HOUR)
    send([sight(source, slot) for slot in slots(TEN, 11)])
    roll()
    assert seconds(TEN) == (3300, 0, 300)
    send([sight(source, slot) for slot in slots(TEN + HOUR + SLOT, 11)])
    roll()
    assert seconds(TEN) == (3300, 300, 0)
    assert seconds(TEN + HOUR) == (3300, 300, 0)


def test_an_account_that_moves_within_a_slot_pays_to_the_second() -> None:
    cut = TEN + timedelta(minutes=22, seconds=13)
    source = live(TEN - HOUR, gone=cut)
    Source.objects.update(gone=None)
    piece(source, cut, None, tenant=OTHER)
    send([sight(source, slot) for slot in slots(TEN, 12)])
    roll()
    of_tenant = {
        Span.objects.get(id=row.span).tenant_id: row.observed_seconds for row in Hour.objects.filter(hour=TEN)
    }
    assert list(of_tenant.values()) == [1333, 3600 - 1333]
    assert sum(row.egress_bytes for row in Hour.objects.all()) == 120


def test_deleted_within_the_hour_it_lived_no_longer() -> None:
    gone = TEN + timedelta(minutes=31, seconds=7)
    source = live(TEN + timedelta(minutes=3), gone=gone)
    send([sight(source, slot) for slot in slots(TEN, 7)])
    roll()
    assert seconds() == (28 * 60 + 7, 0, 0)


def test_suspended_within_the_hour_what_is_not_seen_is_unknown() -> None:
    cut = TEN + timedelta(minutes=30)
    source = live(TEN - HOUR, gone=cut)
    Source.objects.update(gone=None)
    piece(source, cut, None, phase="suspended")
    send([sight(source, slot) for slot in slots(TEN, 6)])
    roll()
    phases = {
        Span.objects.get(id=row.span).phase: (row.observed_seconds, row.unknown_seconds)
        for row in Hour.objects.all()
    }
    assert phases == {"ready": (1800, 0), "suspended": (0, 1800)}


def test_a_rebuilt_cluster_is_not_counted_twice() -> None:
    source = live(TEN - HOUR)
    send([sight(source, slot) for slot in slots(TEN, 7)])
    send([sight(source, slot, epoch=1, levels=LARGE) for slot in slots(TEN + 6 * SLOT, 6)])
    roll()
    assert seconds() == (3600, 0, 0)


def test_an_hour_that_nobody_saw_is_unknown_once_it_is_over() -> None:
    source = live(TEN - HOUR, gone=TEN + 3 * HOUR)
    building = live(TEN - HOUR, phase="provisioning")
    Dirty.objects.all().delete()
    closing.begin_again(TEN)
    assert closing.close_hours(now=TEN + 2 * HOUR + timedelta(minutes=9)) == 1
    assert closing.close_hours(now=TEN + 2 * HOUR + timedelta(minutes=11)) == 1
    assert closing.close_hours(now=TEN + 2 * HOUR + timedelta(minutes=11)) == 0
    roll()
    assert seconds(TEN, source) == seconds(TEN + HOUR, source) == (0, 0, 3600)
    assert not Hour.objects.filter(source=building.id).exists()


def test_closing_costs_the_same_for_any_fleet(django_assert_num_queries: Any) -> None:
    for _ in range(20):
        live(TEN - HOUR)
    closing.begin_again(TEN)
    with django_assert_num_queries(5):
        closing.close_hours(now=TEN + HOUR + timedelta(minutes=11))


def test_a_tick_without_news_asks_a_handful(django_assert_max_num_queries: Any) -> None:
    from billing.usage.partitions import make_ahead

    for _ in range(20):
        live(TEN - HOUR)
    Dirty.objects.all().delete()
    now = TEN + HOUR
    closing.close_hours(now=now)
    make_ahead()
    with django_assert_max_num_queries(5):
        make_ahead()
        closing.close_hours(now=now)
        hours.roll_up()
        days.roll_up_days(now=now)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_made_piece_by_piece_in_any_order_it_is_as_made_at_once_and_as_the_oracle(data: Any) -> None:
    born = TEN - timedelta(minutes=data.draw(st.integers(-30, 90)))
    cut = TEN + timedelta(minutes=data.draw(st.integers(40, 100)), seconds=data.draw(st.integers(0, 59)))
    source = live(born, gone=cut)
    piece(source, cut, None, tenant=OTHER)
    Source.objects.filter(id=source.id).update(gone=None)
    sources.forget()
    grid = slots(TEN, 24)
    chosen = [
        slot
        for slot in data.draw(st.lists(st.sampled_from(grid), unique=True, max_size=24))
        if slot + SLOT > born
    ]
    rows = [sight(source, slot, levels=data.draw(st.sampled_from([SMALL, SMALL, LARGE]))) for slot in chosen]
    for row in rows:
        if data.draw(st.booleans()):
            roll()
        send([row])
    roll()
    piecemeal = {key: value for key, value in made().items() if key[1] == source.id}
    forget_hours(source)
    for number in range(-1, 3):
        mark(TEN + number * HOUR, source)
    roll()
    at_once = {key: value for key, value in made().items() if key[1] == source.id}
    assert piecemeal == {key: at_once[key] for key in piecemeal}
    assert all(
        hour not in {key[0] for key in piecemeal} or key in piecemeal for key in at_once for hour in [key[0]]
    )
    _as_the_oracle(source, at_once)


def _as_the_oracle(source: Source, found: dict[Any, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM slot)::bigint, epoch, shape, workload_requested_millicores"
            " FROM usage_sample WHERE source = %s",
            [source.id],
        )
        told = cursor.fetchall()
    far = int((TEN + 100 * HOUR).timestamp())
    lives = [
        (span.id, int(span.since.timestamp()), int(span.until.timestamp()) if span.until else far)
        for span in Span.objects.filter(source=source.id)
    ]
    for number in range(2):
        start = TEN + number * HOUR
        at = int(start.timestamp())
        wanted = second_by_second(told, lives, start=at, end=at + 3600, length=300)
        ours = {key[2:]: (*value[:3], value[4]) for key, value in found.items() if key[0] == start}
        assert ours == wanted


def test_many_and_few_sources_are_made_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = [live(TEN - HOUR) for _ in range(6)]
    rows = [sight(source, slot) for at, source in enumerate(fleet) for slot in slots(TEN, 12 - at % 3)]
    send(rows)
    roll()
    narrow = made()
    forget_hours()
    monkeypatch.setattr(making, "_FEW", 0)
    monkeypatch.setattr(making, "_FEW_OF", 1000)
    mark(TEN, *fleet)
    roll()
    assert made(TEN) == {key: value for key, value in narrow.items() if key[0] >= TEN}


def test_where_many_hours_wait_a_second_worker_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(tasks.usage_hours, "apply_async", lambda **options: asked.append(options))
    source = live(TEN - 9 * HOUR)
    Dirty.objects.all().delete()
    mark(TEN, source)
    tasks.usage()
    assert not asked
    for number in range(8):
        mark(TEN - number * HOUR, source)
    tasks.usage()
    assert len(asked) == 1
    tasks.usage_hours()
    assert not Dirty.objects.exists()


# --- hours that can't be made


def test_an_hour_that_cannot_be_made_of_one_runtime_holds_up_no_other_runtime_hour_or_day(
    settings: Any,
) -> None:
    settings.USAGE_SLOT_SECONDS = 60
    source = live(TEN - 3 * HOUR, gone=TEN + HOUR)
    minutes = [TEN - 3 * HOUR + timedelta(minutes=number) for number in range(0, 240, 3)]
    send([sight(source, slot, reported_at=slot) for slot in minutes])
    roll()
    before = made()
    settings.USAGE_SLOT_SECONDS = 300
    late = TEN - 2 * HOUR + timedelta(minutes=5)  # of a runtime whose minutes look like slots now
    send([sight(source, late)])
    other = live(TEN - 3 * HOUR, gone=TEN + HOUR)
    send([sight(other, slot) for slot in slots(TEN - 3 * HOUR, 48)])
    with (
        capture_logs() as told,
        pytest.raises(hours.HoursNotMadeError, match="1 hours were not made, 3 were"),
    ):
        tasks.usage()
    assert [(each["hour"], each["failures"]) for each in told if each["event"] == "usage.hour_not_made"] == [
        (str(TEN - 2 * HOUR), 1)
    ]
    assert [seconds(TEN - number * HOUR, other) for number in range(4)] == [(3600, 0, 0)] * 4
    assert {key: made()[key] for key in before} == before
    assert DayLife.objects.get(source=other.id, day=TEN.date()).observed_seconds == 4 * 3600
    assert [(row.hour, row.sources) for row in Dirty.objects.all()] == [(TEN - 2 * HOUR, [source.id])]
    month = TEN.date().replace(day=1)
    following, tenant = (
        month + timedelta(days=31),
        Span.objects.filter(source=source.id).latest("id").tenant_id,
    )
    assert not is_settled(month, following, tenant)
    assert unmade(month, following, tenant) == [TEN - 2 * HOUR]
    assert is_settled(month, following, OTHER), "no runtime of theirs waits for it"
    assert unmade(month, following, OTHER) == []


def test_what_was_never_made_of_an_hour_is_unknown_in_its_day_until_it_can_be_made(settings: Any) -> None:
    source = live(TEN - HOUR, gone=TEN + HOUR)
    Dirty.objects.all().delete()
    settings.USAGE_SLOT_SECONDS = 60
    minutes = [TEN + timedelta(minutes=number) for number in range(0, 60, 3)]
    send([sight(source, slot, reported_at=slot) for slot in minutes])
    settings.USAGE_SLOT_SECONDS = 300
    send([sight(source, slot) for slot in slots(TEN - HOUR, 12)])
    for _ in range(2):
        with pytest.raises(hours.HoursNotMadeError):
            tasks.usage()
        life = DayLife.objects.get(source=source.id)
        assert (life.observed_seconds, life.unknown_seconds, life.alive_seconds) == (3600, 3600, 7200)
    settings.USAGE_SLOT_SECONDS = 60
    tasks.usage()
    assert DayLife.objects.get(source=source.id).unknown_seconds < 3600
    assert not Dirty.objects.exists()


def test_what_could_not_be_made_is_tried_last_and_made_once_it_can_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = live(TEN - 2 * HOUR, gone=TEN + HOUR)
    Dirty.objects.all().delete()
    make, tried = making.Making.make, list[datetime]()

    def stumble(self: making.Making) -> None:
        tried.extend(sorted(self._dirty))
        if TEN in self._dirty and not self._blind:
            raise ValueError("These hours can't be true.")
        make(self)

    monkeypatch.setattr(making.Making, "make", stumble)
    for _ in range(2):
        tried.clear()
        for number in range(3):
            mark(TEN - number * HOUR, source)
        with pytest.raises(hours.HoursNotMadeError):
            hours.roll_up()
    assert tried == [TEN - 2 * HOUR, TEN - HOUR, TEN, TEN]
    assert list(Dirty.objects.values_list("hour", "failures")) == [(TEN, 2)]
    monkeypatch.setattr(making.Making, "make", make)
    roll()
    assert seconds(TEN) == (0, 0, 3600)
    assert not Dirty.objects.exists()


def test_an_hour_that_fails_for_everybody_is_not_tried_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    source = live(TEN - HOUR)
    Dirty.objects.all().delete()
    everybody = [source.id, *range(source.id + 1, source.id + 1000)]
    Dirty.objects.create(hour=TEN, sources=everybody[:400], spreads=True)
    Dirty.objects.create(hour=TEN, sources=everybody[400:], spreads=False)
    tried: list[int] = []

    def stumble(self: making.Making) -> None:
        tried.append(len(self._dirty[TEN]))
        raise ValueError("These hours can't be true.")

    monkeypatch.setattr(making.Making, "make", stumble)
    with acting_as(WORKER), pytest.raises(hours.HoursNotMadeError):
        hours.roll_up()
    assert len(tried) < 100
    left = {row.spreads: (sorted(row.sources), row.failures) for row in Dirty.objects.all()}
    assert left == {True: (everybody[:400], 1), False: (everybody[400:], 1)}
    month = TEN.date().replace(day=1)
    for role in (WORKER, PLATFORM):
        with acting_as(role):
            assert unmade(month, month + timedelta(days=31), Span.objects.latest("id").tenant_id) == [TEN]


# --- days


def settled_days() -> None:
    roll()
    days.roll_up_days(now=datetime.now(UTC))


def test_a_day_is_the_sum_of_its_hours_and_tenants_add_up_to_the_fleet() -> None:
    cut = TEN + timedelta(minutes=22)
    source = live(TEN, gone=cut)
    Source.objects.update(gone=None)
    piece(source, cut, TEN + 2 * HOUR, tenant=OTHER)
    send([sight(source, slot, levels=LARGE if at > 12 else SMALL) for at, slot in enumerate(slots(TEN, 20))])
    settled_days()
    vcpu = Day.objects.filter(meter="vcpu")
    assert sum(row.quantity for row in vcpu) == 300 * (13 * 4000 + 7 * 8000)
    assert {row.tenant_id for row in vcpu} == {Span.objects.earliest("since").tenant_id, OTHER}
    assert sum(row.quantity for row in Day.objects.filter(meter="egress")) == 200
    lives = list(DayLife.objects.all())
    assert sum(row.alive_seconds for row in lives) == 2 * 3600
    assert all(
        row.alive_seconds == row.observed_seconds + row.inferred_seconds + row.unknown_seconds
        for row in lives
    )


def test_a_day_made_anew_loses_what_is_not_so_any_more() -> None:
    source = live(TEN, gone=TEN + HOUR)
    send([sight(source, slot) for slot in slots(TEN, 12)])
    settled_days()
    Span.objects.filter(source=source.id).update(plan="gcp")
    mark(TEN, source)
    settled_days()
    assert set(Day.objects.values_list("plan", flat=True)) == {"gcp"}
    assert DayLife.objects.count() == 1


def test_today_is_not_made_before_it_is_over() -> None:
    DirtyDay.objects.create(day=TEN.date(), sources=[1])
    assert days.roll_up_days(now=TEN) == 0
    for _ in range(60):
        DirtyDay.objects.create(day=TEN.date(), sources=[1, 2])
    days.roll_up_days(now=TEN)
    assert DirtyDay.objects.get().sources == [1, 2]


@pytest.mark.parametrize("day", ["2024-02-29", "2024-12-31", "2025-03-30", "2025-10-26", "2025-02-28"])
def test_leap_days_month_ends_and_clock_changes_elsewhere_are_days_of_24_hours(day: str) -> None:
    start = start_of(datetime.fromisoformat(day).date())
    make(start.date())
    source = live(start - HOUR, gone=start + timedelta(hours=25))
    send([sight(source, start + number * SLOT) for number in range(24 * 12)])
    roll()
    days.roll_up_day(start.date())
    assert Day.objects.get(meter="vcpu", day=start.date()).quantity == 4000 * 86400
    assert DayLife.objects.get(day=start.date()).alive_seconds == 86400


# --- crashes and company


class Broken(BaseException):
    """The process dies here: nobody catches that."""


@contextmanager
def dying_before(number: int) -> Iterator[list[int]]:
    """Let the process die before its n-th statement."""
    seen = [0]

    def count(execute: Any, *arguments: Any) -> Any:
        seen[0] += 1
        if seen[0] == number:
            raise Broken
        return execute(*arguments)

    def count_copies(link: psycopg.Cursor[Any], *arguments: Any) -> Any:
        return count(partial(COPY, link), *arguments)

    with connection.execute_wrapper(count), patch.object(psycopg.Cursor, "copy", count_copies):
        yield seen


COPY = psycopg.Cursor.copy


def test_killed_before_any_statement_or_copy_nothing_is_lost_or_counted_twice() -> None:
    source, gappy = live(TEN - 3 * HOUR), live(TEN - 3 * HOUR)
    rows = [sight(source, slot) for slot in slots(TEN - HOUR, 24)]
    rows += [sight(gappy, slot) for slot in slots(TEN - HOUR, 24) if slot.minute != 55]
    send(rows)
    wanted_point = transaction.savepoint()
    roll()
    days.roll_up_day(TEN.date())
    wanted = (made(), sorted(Day.objects.values_list("source", "meter", "quantity", "inferred")))
    transaction.savepoint_rollback(wanted_point)
    for number in range(1, 60):
        point = transaction.savepoint()
        died = False
        try:
            with dying_before(number), transaction.atomic():
                hours.roll_up_hours([TEN])
        except Broken:
            died = True
        try:
            with dying_before(number):
                roll()
                days.roll_up_day(TEN.date())
        except Broken:
            died = True
        roll()
        days.roll_up_day(TEN.date())
        found = (made(), sorted(Day.objects.values_list("source", "meter", "quantity", "inferred")))
        assert found == wanted, number
        transaction.savepoint_rollback(point)
        if not died:
            break
    assert number > 8
    assert not died


def test_a_gap_whose_other_side_somebody_makes_at_this_moment_is_found_afterwards() -> None:
    """Of two workers one has read its hour's samples when the next hour's come, and writes when the other has looked already."""
    source, whole = live(TEN), live(TEN)
    send([sight(source, slot) for slot in slots(TEN, 11)])
    send([sight(whole, slot) for slot in slots(TEN, 12)])
    with psycopg.connect(**link_parameters()) as other:
        other.execute(sql.LOCK_HOURS, [[TEN]])
        Dirty.objects.all().delete()
        send([sight(each, slot) for each in (source, whole) for slot in slots(TEN + HOUR + SLOT, 11)])
        assert hours.roll_up_hours([TEN + HOUR]) == 1
        assert list(Dirty.objects.values_list("hour", "sources", "spreads")) == [(TEN, [source.id], False)]
        assert hours.roll_up_hours([TEN]) == 0
    roll()
    assert seconds(TEN, source) == (3300, 300, 0)
    assert seconds(TEN + HOUR, source) == seconds(TEN + HOUR, whole) == (3300, 300, 0)
    assert not Dirty.objects.exists()


def link_parameters() -> dict[str, Any]:
    parameters = connection.get_connection_params()
    return {key: parameters[key] for key in ("host", "port", "dbname", "user") if key in parameters}


@pytest.mark.django_db(transaction=True)
def test_two_that_make_hours_at_once_make_them_right() -> None:
    begin(TEN)
    fleet = [live(TEN - HOUR) for _ in range(20)]

    def work(number: int) -> int:
        try:
            send([sight(source, TEN + number * SLOT) for source in fleet])
            return hours.roll_up()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(12)))
    roll()
    assert [seconds(TEN, source) for source in fleet] == [(3600, 0, 0)] * 20
    assert not Dirty.objects.exists()
    sources.forget()
    interning.forget()
