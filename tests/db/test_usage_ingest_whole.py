"""A batch is taken in whole or not at all: killed anywhere, sent again, met by others, told in any order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction

from billing.usage import loading, quarantine
from billing.usage.models import Batch, ComponentUse, Dirty, Quarantined, Source
from billing.usage.packed import BLOCK_SIZE
from billing.usage.samples import Origin, SampleIn
from controlplane.kernel.ids import uuid7
from tests.dying import Broken, dying_before
from tests.usage import HOUR, SLOT, begin, live, morning, piece, send, sight, slots

pytestmark = pytest.mark.django_db
TEN = morning()
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def days(db: None) -> None:
    begin(TEN)


def lives_as(number: int) -> Source:
    """A runtime of this number."""
    source: Source = Source.objects.create(id=number, runtime=uuid7(), born=TEN - HOUR)
    piece(source, source.born, None)
    return source


def left_behind() -> tuple[Any, ...]:
    """All that a batch may leave, without the moment at which it did."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT slot, block, samples FROM usage_slot ORDER BY slot, block")
        blocks = [(slot, block, bytes(samples)) for slot, block, samples in cursor.fetchall()]
    return (
        blocks,
        sorted(Dirty.objects.values_list("hour", "sources")),
        sorted(Quarantined.objects.values_list("runtime", "slot", "reason")),
        sorted(ComponentUse.objects.values_list("hour", "used")),
        Batch.objects.count(),
    )


def of_all_kinds() -> list[SampleIn]:
    """New blocks and one that is there, a duplicate, a conflict, an unknown runtime, and one outside of its life."""
    one, other = lives_as(7 * BLOCK_SIZE), lives_as(9 * BLOCK_SIZE)
    send([sight(one, TEN), sight(one, TEN + SLOT)])
    return [
        sight(one, TEN),
        sight(one, TEN + SLOT, egress_bytes=77),
        sight(other, TEN + SLOT)._replace(component_use={"calico": (5, 6)}),
        sight(lives_as(7 * BLOCK_SIZE + 1), TEN),
        sight(other, TEN - 2 * HOUR),
        sight(one, TEN)._replace(runtime=uuid4()),
    ]


def test_killed_before_any_statement_it_leaves_nothing_and_comes_again_whole() -> None:
    batch = of_all_kinds()
    before = left_behind()
    point = transaction.savepoint()
    result = send(batch)
    assert (result.accepted, result.duplicates, len(result.quarantined), len(result.refused)) == (2, 1, 2, 1)
    wanted = left_behind()
    transaction.savepoint_rollback(point)
    for number in range(1, 40):
        point, died = transaction.savepoint(), False
        try:
            with transaction.atomic(), dying_before(number):
                send(batch)
        except Broken:
            died = True
            assert left_behind() == before, number
            assert send(batch) == result
        assert left_behind() == wanted, number
        transaction.savepoint_rollback(point)
        if not died:
            break
    assert number > 5
    assert not died


def test_a_fault_of_our_own_leaves_no_half_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = of_all_kinds()
    before = left_behind()
    for place, name in ((quarantine, "keep"), (loading, "_merged"), (loading, "_run")):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                send(batch)
        assert left_behind() == before


def test_rows_that_repeat_themselves_are_judged_by_what_stands_in_any_order() -> None:
    source = live(TEN - HOUR)
    stands = sight(source, TEN)
    other, third = (sight(source, TEN, egress_bytes=count) for count in (77, 78))
    send([stands])
    for batch in (
        [other, stands, third, other],
        [stands, other, other, third],
        [third, other, stands, other],
    ):
        result = send(batch)
        conflicts = [batch[fault.row] for fault in result.quarantined]
        assert (result.accepted, result.duplicates) == (0, 1)
        assert conflicts == [row for row in batch if row is not stands]
    assert Quarantined.objects.count() == 2


def test_of_two_that_tell_of_components_in_an_hour_the_first_counts() -> None:
    source = live(TEN - HOUR)
    rows = [
        sight(source, slot)._replace(component_use={"calico": (at, 1)})
        for at, slot in enumerate(slots(TEN, 3))
    ]
    send(rows)
    assert ComponentUse.objects.get().used == f'{{"{source.id}":{{"calico":[0,1]}}}}'


def test_more_blocks_than_are_merged_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_AT_ONCE", 2)
    fleet = [lives_as((20 + number) * BLOCK_SIZE + number) for number in range(7)]
    partners = [lives_as((20 + number) * BLOCK_SIZE + 100) for number in range(7)]
    send([sight(source, TEN) for source in fleet if source is not fleet[3]])
    conflict = sight(fleet[0], TEN, egress_bytes=5)
    result = send([*(sight(source, TEN) for source in (*partners, *fleet[1:])), conflict])
    assert (result.accepted, result.duplicates, len(result.quarantined)) == (8, 5, 1)
    again = [sight(source, TEN) for source in (*fleet, *partners)]
    assert [send(again).duplicates for _ in range(2)] == [14, 14]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT source) FROM usage_sample")
        assert cursor.fetchone() == (14, 14)


@pytest.mark.parametrize(
    "known", [(), (0,), (6,), (0, 1, 2), (4, 5, 6), (1, 2, 3, 4, 5), range(1, 7), range(6)]
)
def test_whatever_of_many_blocks_is_new_is_marked(
    monkeypatch: pytest.MonkeyPatch, known: Sequence[int]
) -> None:
    monkeypatch.setattr(loading, "_AT_ONCE", 2)
    there = [lives_as((20 + number) * BLOCK_SIZE + number) for number in range(7)]
    coming = [lives_as((20 + number) * BLOCK_SIZE + 100) for number in range(7)]
    send([sight(source, TEN) for source in (*there, *(coming[number] for number in known))])
    Dirty.objects.all().delete()
    assert send([sight(source, TEN) for source in coming]).accepted == len(coming) - len(known)
    marked = {number for row in Dirty.objects.all() for number in row.sources}
    assert marked == {source.id for number, source in enumerate(coming) if number not in known}


def test_a_batch_of_two_days_of_which_one_was_stored_whole() -> None:
    source = live(TEN - 2 * DAY)
    first = [sight(source, slot) for slot in slots(TEN - DAY, 3)]
    second = [sight(source, slot) for slot in slots(TEN, 3)]
    send(first)
    assert Batch.objects.count() == 1
    result = send([*first, *second])
    assert (result.accepted, result.duplicates, Batch.objects.count()) == (3, 3, 1)
    send([sight(source, slot) for slot in slots(TEN + HOUR, 2)])
    assert send([sight(source, slot) for slot in slots(TEN + HOUR, 2)], Origin.BACKFILL).duplicates == 2


def test_a_digest_whose_blocks_are_gone_says_nothing() -> None:
    source = live(TEN - HOUR)
    batch = [sight(source, slot) for slot in slots(TEN, 3)]
    send(batch)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM usage_slot WHERE slot = %s", [TEN])
    result = send(batch)
    assert (result.accepted, result.duplicates) == (1, 2)
    assert send(batch).duplicates == 3


def test_a_block_that_somebody_writes_meanwhile_is_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = lives_as(7 * BLOCK_SIZE), lives_as(7 * BLOCK_SIZE + 1)
    run, met = loading._run, list[bool]()

    def meanwhile(*arguments: Any) -> None:
        if not met:
            met.append(True)
            send([sight(other, TEN)])
        run(*arguments)

    monkeypatch.setattr(loading, "_run", meanwhile)
    assert send([sight(one, TEN)]).accepted == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT source FROM usage_sample ORDER BY source")
        # Taken back together with what the same transaction wrote meanwhile, and stored at the second try.
        assert cursor.fetchall() == [(one.id,)]
