"""Samples are taken in exactly once, and a bad row harms nobody but itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.usage import interning, sources
from billing.usage.ingest import ingest
from billing.usage.models import ComponentUse, Dirty, Quarantined, Shape
from billing.usage.partitions import name_of, standing
from billing.usage.reading import component_use
from billing.usage.samples import Gauges, Origin
from billing.usage.slots import floor
from controlplane.tenants.isolation.roles import WORKER
from controlplane.tenants.isolation.scopes import platform_scope
from tests.database_roles import acting_as
from tests.usage import HOUR, LARGE, SLOT, begin, keep_hour, live, morning, send, sight, slots

pytestmark = pytest.mark.django_db
TEN = morning()


@pytest.fixture(autouse=True)
def days(db: None) -> None:
    begin(TEN)


def stored() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM usage_sample")
        return int(cursor.fetchone()[0])


def test_a_batch_is_stored_and_marks_its_hours() -> None:
    one, two = live(TEN - HOUR), live(TEN - HOUR)
    Dirty.objects.all().delete()
    result = send([sight(source, slot) for source in (one, two) for slot in slots(TEN, 14)])
    assert (result.accepted, result.duplicates, result.refused, result.quarantined) == (28, 0, (), ())
    assert stored() == 28
    assert [(row.hour, row.sources) for row in Dirty.objects.order_by("hour")] == [
        (TEN, [one.id, two.id]),
        (TEN + HOUR, [one.id, two.id]),
    ]
    assert Shape.objects.count() == 1


def test_a_repeated_batch_changes_nothing_and_marks_nothing() -> None:
    batch = [sight(live(TEN - HOUR), TEN), sight(live(TEN - HOUR), TEN, levels=LARGE)]
    send(batch)
    Dirty.objects.all().delete()
    again = send(
        [row._replace(reported_at=row.reported_at + timedelta(seconds=5)) for row in batch], Origin.BACKFILL
    )
    assert (again.accepted, again.duplicates) == (0, 2)
    assert stored() == 2
    assert not Dirty.objects.exists()


def test_what_says_otherwise_goes_to_quarantine_and_the_first_one_stays() -> None:
    source = live(TEN - HOUR)
    send([sight(source, TEN, workload_requested_millicores=500)])
    other = sight(source, TEN, workload_requested_millicores=501)
    for _ in range(2):
        result = send([sight(source, TEN + SLOT), other])
        assert [(fault.row, fault.code) for fault in result.quarantined] == [(1, "conflict")]
    row = Quarantined.objects.get()
    assert (row.runtime, row.slot, row.payload["gauges"]["workload_requested_millicores"]) == (
        source.runtime,
        TEN,
        501,
    )
    assert stored() == 2


def test_a_batch_that_repeats_itself_inside() -> None:
    source = live(TEN - HOUR)
    row = sight(source, TEN)
    result = send([row, row, row._replace(gauges=row.gauges._replace(egress_bytes=77))])
    assert (result.accepted, result.duplicates, len(result.quarantined)) == (1, 1, 1)


def test_a_rebuilt_cluster_counts_anew() -> None:
    source = live(TEN - HOUR)
    assert send([sight(source, TEN), sight(source, TEN, epoch=1, levels=LARGE)]).accepted == 2


def test_one_unknown_figure_is_not_zero() -> None:
    unknown = dict.fromkeys(Gauges._fields[4:8])
    source = live(TEN - HOUR)
    rows = [sight(source, TEN), sight(source, TEN + SLOT, **unknown)]
    assert send(rows).accepted == 2
    assert send(rows).duplicates == 2
    assert len(send([rows[1]._replace(gauges=rows[0].gauges)]).quarantined) == 1


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"workload_requested_mib": -1}, "gauges.workload_requested_mib", "negative"),
    ({"workload_used_mib": float("nan")}, "gauges.workload_used_mib", "not_a_whole_number"),
    ({"platform_requested_mib": 1.5}, "gauges.platform_requested_mib", "not_a_whole_number"),
    ({"platform_requested_mib": 2**31}, "gauges.platform_requested_mib", "too_large"),
    ({"workload_used_mib": None}, "gauges", "use_incomplete"),
    ({"epoch": 40000}, "epoch", "too_large"),
    ({"levels": {"vcpu": {"": -4}}}, "levels.vcpu", "levels_invalid"),
    ({"levels": {"vcpu": {"": float("nan")}}}, "levels.vcpu", "levels_invalid"),
    ({"levels": {"horses": {"": 4}}}, "levels.horses", "levels_invalid"),
    ({"levels": {"egress": {"": 4}}}, "levels.egress", "levels_invalid"),
    ({"levels": {"node": {"m\0": 4}}}, "levels.node", "levels_invalid"),
    ({"levels": {"vcpu": {1: object()}}}, "levels.vcpu", "levels_invalid"),
    ({"reported_at": TEN.replace(tzinfo=None)}, "reported_at", "time_without_zone"),
]


@pytest.mark.parametrize(
    ("changes", "column", "code"), BAD, ids=[f"{code} {column}" for _, column, code in BAD]
)
def test_a_bad_row_is_named_and_the_rest_is_safe(changes: dict[str, Any], column: str, code: str) -> None:
    good, bad = live(TEN - HOUR), live(TEN - HOUR)
    result = send([sight(good, TEN), sight(bad, TEN, **changes), sight(good, TEN + SLOT)])
    assert [(fault.row, fault.column, fault.code) for fault in result.refused] == [(1, column, code)]
    assert (result.accepted, stored()) == (2, 2)


@pytest.mark.parametrize(
    ("slot", "code"),
    [
        (TEN + timedelta(seconds=1), "slot_unaligned"),
        (TEN.replace(tzinfo=None), "slot_without_zone"),
        (datetime(2999, 1, 1, tzinfo=UTC), "slot_in_future"),
        (datetime(2021, 1, 1, tzinfo=UTC), "slot_out_of_range"),
    ],
)
def test_a_slot_that_can_not_be_is_refused(slot: datetime, code: str) -> None:
    source = live(datetime(2020, 1, 1, tzinfo=UTC))
    result = send([sight(source, slot, reported_at=TEN), sight(source, TEN)])
    assert [(fault.row, fault.column, fault.code) for fault in result.refused] == [(0, "slot", code)]
    assert result.accepted == 1


def test_a_day_without_a_partition_is_refused_even_today() -> None:
    source = live(TEN - HOUR)
    today = floor(datetime.now(UTC), 300)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {name_of(today.date())}")
    result = send([sight(source, today, reported_at=today), sight(source, TEN)])
    assert [(fault.row, fault.column, fault.code) for fault in result.refused] == [
        (0, "slot", "slot_out_of_range")
    ]
    assert (result.accepted, stored()) == (1, 1)


def test_rows_between_those_that_are_new_are_found() -> None:
    source = live(TEN - HOUR)
    rows = [sight(source, slot) for slot in slots(TEN, 9)]
    send([rows[2], rows[6]._replace(gauges=rows[6].gauges._replace(egress_bytes=77))])
    result = send(rows)
    assert (result.accepted, result.duplicates) == (7, 1)
    assert [(fault.row, fault.code) for fault in result.quarantined] == [(6, "conflict")]
    assert (stored(), Quarantined.objects.count()) == (9, 1)


def test_the_largest_figures_are_kept_as_they_are() -> None:
    source = live(TEN - HOUR)
    assert send([sight(source, TEN, egress_bytes=2**50, workload_used_mib=2**31 - 1)]).accepted == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT egress_bytes, workload_used_mib FROM usage_sample")
        assert cursor.fetchone() == (2**50, 2**31 - 1)


def test_a_slot_may_be_told_in_any_zone() -> None:
    source = live(TEN - HOUR)
    assert send([sight(source, TEN.astimezone(timezone(timedelta(hours=2))))]).accepted == 1
    assert send([sight(source, TEN)]).duplicates == 1


def test_an_unknown_runtime_is_refused() -> None:
    good = sight(live(TEN - HOUR), TEN)
    result = send([good._replace(runtime=uuid4()), good])
    assert [(fault.row, fault.column, fault.code) for fault in result.refused] == [
        (0, "runtime", "runtime_unknown")
    ]
    assert result.accepted == 1


@pytest.mark.parametrize(("off", "kept"), [(-301, False), (-300, True), (0, True), (599, True), (600, False)])
def test_a_report_may_be_one_slot_away(off: int, kept: bool) -> None:
    result = send([sight(live(TEN - HOUR), TEN, reported_at=TEN + timedelta(seconds=off))])
    assert result.accepted == kept
    assert [fault.code for fault in result.quarantined] == ([] if kept else ["clock_skewed"])
    assert Quarantined.objects.count() == (not kept)


def test_a_slot_outside_of_the_life_is_put_aside() -> None:
    source = live(TEN + timedelta(minutes=7), gone=TEN + timedelta(minutes=21))
    result = send([sight(source, slot) for slot in slots(TEN, 6)])
    assert result.accepted == 4
    assert [(fault.row, fault.code) for fault in result.quarantined] == [
        (0, "outside_life"),
        (5, "outside_life"),
    ]


def test_an_end_that_came_after_the_memory_is_heard_of(django_capture_on_commit_callbacks: Any) -> None:
    source = live(TEN - HOUR)
    with django_capture_on_commit_callbacks(execute=True):
        send([sight(source, TEN)])
    source.gone = datetime.now(UTC)
    source.save()
    assert sources.lives_of([source.runtime.int])[0][2] < sources.ENDLESS


def test_a_remembered_shape_costs_no_query_and_an_undone_one_is_not_remembered(
    django_capture_on_commit_callbacks: Any, django_assert_max_num_queries: Any
) -> None:
    source = live(TEN - HOUR)
    send([sight(source, TEN)])
    assert not interning._known
    with django_capture_on_commit_callbacks(execute=True):
        send([sight(source, TEN + SLOT)])
    batch = [sight(source, slot) for slot in slots(TEN + HOUR, 10)]
    with django_assert_max_num_queries(10):  # savepoints and all, however many rows
        send(batch)


def test_components_use_counts_once_an_hour() -> None:
    one, two = live(TEN - HOUR), live(TEN - HOUR)
    for slot, cores in ((TEN, 10), (TEN + SLOT, 90)):
        send([sight(source, slot)._replace(component_use={"calico": (cores, 5)}) for source in (one, two)])
    assert component_use(start=TEN, end=TEN + HOUR) == {"calico": (2, 10, 5)}
    assert ComponentUse.objects.count() == 2


def test_a_worker_and_the_platforms_team_may_store() -> None:
    source = live(TEN - HOUR)
    with acting_as(WORKER):
        assert send([sight(source, TEN)]).accepted == 1
        assert send([sight(source, TEN), sight(source, TEN + SLOT)]).accepted == 1
    with platform_scope():
        assert send([sight(source, TEN + 2 * SLOT)]).accepted == 1


def test_an_empty_and_a_huge_batch() -> None:
    assert send([]).accepted == 0
    with pytest.raises(ValueError, match="20000"):
        ingest(batch=[sight(live(TEN), TEN)] * 20_001, origin=Origin.AGENT)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_order_and_repetition_stores_the_same(data: Any) -> None:
    one = live(TEN - HOUR)
    rows = [sight(one, slot) for slot in slots(TEN, 6)]
    sent = data.draw(st.lists(st.lists(st.sampled_from(rows), max_size=8), max_size=4))
    accepted = sum(send(batch).accepted for batch in sent)
    assert accepted == len({row.slot for batch in sent for row in batch})


@pytest.mark.django_db(transaction=True)
def test_two_that_send_the_same_at_once_store_it_once() -> None:
    begin(TEN)
    fleet = [live(TEN - HOUR) for _ in range(40)]
    batch = [sight(source, slot) for source in fleet for slot in slots(TEN, 10)]

    def work(rows: Any) -> Any:
        try:
            return send(rows)
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(work, [batch, batch[::-1], batch[100:] + batch[:100]]))
    assert sum(result.accepted for result in results) == 400
    assert sum(result.duplicates for result in results) == 800
    assert stored() == 400
    sources.forget()
    interning.forget()


def test_partitions_are_made_once_and_dropped_when_nobody_needs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from billing.usage import partitions, ports

    now = datetime.now(UTC)
    wanted = [(now + timedelta(days=offset)).date() for offset in range(-1, 4)]
    missing = 5 - len(standing(wanted))
    assert partitions.make_ahead(now=now) == missing
    assert standing(wanted) == set(wanted)
    assert partitions.make_ahead(now=now) == 0
    old = (now - timedelta(days=200)).date()
    partitions.make(old)
    monkeypatch.setattr(ports, "needed_since", lambda _today: old)
    partitions.drop_old(now=now)
    assert standing([old]) == {old}
    monkeypatch.setattr(ports, "needed_since", ports.last_month)
    with acting_as(WORKER):
        assert partitions.drop_old(now=now) == 1
    assert standing([old]) == set()


def test_old_hours_go_by_the_month_and_use_of_components_with_its_samples(settings: Any) -> None:
    from billing.usage import hours, partitions
    from billing.usage.models import Batch, Hour

    now = datetime.now(UTC)
    old, kept = now - timedelta(days=500), now - timedelta(days=95)
    for moment in (old, kept, TEN):
        hour = moment.replace(minute=0, second=0, microsecond=0)
        partitions.make_hours(hour)
        assert not partitions.make_hours(hour)
        keep_hour(hour, 1)
        ComponentUse.objects.create(hour=hour, used="{}")
        Batch.objects.create(day=hour.date(), digest=b"1")
        Dirty.objects.create(hour=hour, sources=[1])
    with acting_as(WORKER):
        assert partitions.drop_old_hours(now=now) == 1
        partitions.drop_old(now=now)
        assert {row.hour.date() for row in Hour.objects.all()} == {kept.date(), TEN.date()}
        assert (ComponentUse.objects.count(), Batch.objects.count()) == (3, 1)  # their hours are still marked
        hours.roll_up()  # what can't be made anew stays as it was
        partitions.drop_old(now=now)
    assert ComponentUse.objects.count() == 1
    assert [row.unknown_seconds for row in Hour.objects.filter(hour__lt=now - timedelta(days=90))] == [3600]


def test_what_is_new_is_never_dropped(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    from django.db import DatabaseError, transaction

    from billing.usage import partitions, ports

    settings.USAGE_RETENTION_DAYS = -5
    monkeypatch.setattr(ports, "needed_since", lambda today: today)
    partitions.make_ahead()
    today = datetime.now(UTC).date()
    partitions.drop_old()
    assert standing([today, today - timedelta(days=1)]) == {today, today - timedelta(days=1)}
    with pytest.raises(DatabaseError, match="too new"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT usage_drop_partition(%s)", [today])
