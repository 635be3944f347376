"""Hours lie packed in PostgreSQL as Python packs them: what the view, the function and the migration say is the same."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from billing.usage import hours
from billing.usage.models import Dirty, Hour, Source
from billing.usage.packed_hours import SIZE
from controlplane.kernel.ids import uuid7
from tests.usage import HOUR, LARGE, OTHER, SLOT, SMALL, begin, live, morning, piece, send, sight, slots

pytestmark = pytest.mark.django_db
TEN = morning()
LAYOUT = import_module("billing.usage.migrations.0011_hours_in_blocks")
WHOLE = "SELECT hour, block, hours, places, gappy FROM usage_hour_block ORDER BY hour, block"
ROWS = "SELECT * FROM usage_hour ORDER BY hour, source, span, shape"


@pytest.fixture(autouse=True)
def fleet(db: None) -> list[Source]:
    """Neighbours on both sides of a block's border: one moved and seen in two shapes, one with a gap, one never seen."""
    begin(TEN)
    found = []
    for number in (5 * SIZE - 2, 5 * SIZE - 1, 5 * SIZE, 9 * SIZE - 1):
        source = Source.objects.create(id=number, runtime=uuid7(), born=TEN - HOUR)
        piece(source, source.born, TEN + 3 * SLOT)
        piece(source, TEN + 3 * SLOT, None, tenant=OTHER)
        found.append(source)
    rows = [sight(found[0], slot, levels=LARGE if slot.minute > 30 else SMALL) for slot in slots(TEN, 24)]
    rows += [sight(found[1], slot, egress_bytes=2**50) for slot in slots(TEN, 24) if slot.minute != 20]
    rows += [sight(found[2], slot, workload_requested_mib=2**31 - 1) for slot in slots(TEN, 13)]
    send(rows)
    Dirty.objects.create(hour=TEN, sources=[found[3].id])
    roll()
    return found


def roll() -> None:
    while hours.roll_up():
        pass


def answered(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in cursor.fetchall()]


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_migration_packs_rows_as_python_does_and_takes_them_out_again() -> None:
    blocks, rows = answered(WHOLE), answered(ROWS)
    assert {block for _, block, *_ in blocks} == {4, 5, 8}
    run("CREATE TEMPORARY TABLE usage_hour_rows ON COMMIT DROP AS SELECT * FROM usage_hour")
    run("DELETE FROM usage_hour_block")
    run(LAYOUT.MOVE)
    assert (answered(WHOLE), answered(ROWS)) == (blocks, rows)
    run("DROP TABLE usage_hour_rows")
    run(LAYOUT.OLD_TABLE.replace("CREATE TABLE", "CREATE TEMPORARY TABLE"))
    run("CREATE TEMPORARY TABLE every_hour PARTITION OF usage_hour_rows DEFAULT")
    run(LAYOUT.MOVE_BACK)
    columns = (
        "hour, source, span, shape, observed_seconds, unknown_seconds, egress_bytes, revision, rolled_at"
    )
    old, new = (
        answered(f"SELECT {columns} FROM {table} ORDER BY hour, source, span, shape")
        for table in ("usage_hour_rows", "usage_hour")
    )
    assert old == new


def test_whose_hours_are_asked_for_gets_the_same_as_who_looks_at_all() -> None:
    found = [
        row
        for tenant in set(answered("SELECT DISTINCT tenant_id FROM usage_span"))
        for row in answered("SELECT * FROM usage_hours_of(%s, %s, %s)", *tenant, TEN - HOUR, TEN + 2 * HOUR)
    ]
    assert sorted(found) == sorted(answered(ROWS))
    assert len(found) > 10


def test_one_runtimes_hours_are_its_own(fleet: list[Source]) -> None:
    for source in fleet:
        found = answered(
            "SELECT * FROM usage_hours_of(%s, %s, %s, %s)", OTHER, TEN, TEN + HOUR, source.runtime
        )
        assert found
        assert {row[1] for row in found} == {source.id}


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_who_asks_from_within_an_hour_gets_those_that_begin_afterwards(zone: str) -> None:
    told = "extract(epoch FROM hour)::bigint, source, span, shape, observed_seconds, unknown_seconds"
    wanted = answered(f"SELECT {told} FROM usage_hour WHERE hour = %s", TEN + HOUR)
    assert wanted
    run(f"SET LOCAL timezone = '{zone}'")
    within = (TEN + 6 * SLOT, TEN + 2 * HOUR)
    found = [
        row
        for tenant in set(answered("SELECT DISTINCT tenant_id FROM usage_span"))
        for row in answered(f"SELECT {told} FROM usage_hours_of(%s, %s, %s)", *tenant, *within)
    ]
    assert sorted(found) == sorted(wanted)


def test_late_samples_touch_their_own_block_and_leave_what_is_as_it_was(fleet: list[Source]) -> None:
    before = {place: (parts, xmin) for *place_, parts, xmin in written() for place in [tuple(place_)]}
    old = {(row.source, row.span, row.shape): row for row in Hour.objects.filter(hour=TEN)}
    send([sight(fleet[1], TEN + 4 * SLOT)])
    roll()
    after = {place: (parts, xmin) for *place_, parts, xmin in written() for place in [tuple(place_)]}
    assert {place for place in before if before[place] != after[place]} == {(TEN, 4)}
    for row in Hour.objects.filter(hour=TEN):
        was = old[row.source, row.span, row.shape]
        changed = row.source == fleet[1].id and row.observed_seconds != was.observed_seconds
        assert row.revision == was.revision + changed
        assert (row.rolled_at > was.rolled_at) == changed or row.rolled_at == was.rolled_at


def written() -> list[tuple[Any, ...]]:
    return answered("SELECT hour, block, hours, ctid::text FROM usage_hour_block")


@pytest.mark.parametrize(
    "change",
    ["hours = substr(hours, 2)", "places = substr(places, 2)", "hours = hours || hours", "gappy = '\\x00'"],
)
def test_a_block_that_is_no_whole_one_is_refused(change: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        run(f"UPDATE usage_hour_block SET {change} WHERE octet_length(hours) > 0")


BY_HAND = """
UPDATE usage_hour_block SET hours = overlay(hours PLACING {figure} FROM {at} FOR {size}) WHERE hour = %s AND block = {block}
"""
# Fields of the first record of a block; of block 4 that was seen, of block 8 it was not.
UNTRUE = {
    "what has no shape was not seen": (4, 13, 4, 0),
    "what has a shape is not unknown": (4, 33, 2, 300),
    "no figure is negative": (4, 31, 2, -300),
    "nothing was seen for longer than an hour": (4, 29, 2, 4096),
    "what nobody saw has no shape": (8, 13, 4, 1),
    "what nobody saw was not observed": (8, 29, 2, 300),
    "what nobody saw was not used": (8, 35, 2, 300),
    "what nobody saw is some time": (8, 33, 2, 0),
    "what nobody saw is no more than an hour": (8, 33, 2, 3601),
}


@pytest.mark.parametrize("rule", UNTRUE)
def test_postgresql_refuses_hours_with_seconds_that_cannot_be_true(rule: str) -> None:
    block, at, size, figure = UNTRUE[rule]
    change = BY_HAND.format(figure=f"int{size}send(({figure})::int{size})", at=at, size=size, block=block)
    with pytest.raises(IntegrityError, match="usage_hour_block_adds_up"), transaction.atomic():
        answered(f"{change} RETURNING 1", TEN)


def test_any_unknown_part_of_an_hour_adds_up() -> None:
    for figure in (1, 3600):
        change = BY_HAND.format(figure=f"int2send(({figure})::int2)", at=33, size=2, block=8)
        assert answered(f"{change} RETURNING 1", TEN) == [(1,)]


def test_many_hours_of_two_days_are_made_together_as_one_by_one() -> None:
    start = TEN - timedelta(hours=30)
    begin(start)
    source = live(start)
    send([sight(source, slot) for slot in slots(start, 300) if slot.minute != 55 or slot.hour % 3])
    Dirty.objects.filter(hour__lt=start).delete()
    roll()
    together = theirs(source)
    assert len({row[0] for row in together}) == 25
    run("DELETE FROM usage_hour_block")
    for moment in sorted({row[0] for row in together}):
        Dirty.objects.create(hour=moment, sources=[source.id])
        assert hours.roll_up_hours([moment]) == 1
    assert theirs(source) == together


def theirs(source: Source) -> list[tuple[Any, ...]]:
    return [row[:-3] for row in answered(ROWS) if row[1] == source.id]
