"""Blocks of samples: PostgreSQL reads and writes them as Python does, refuses bad ones, and two that fill one do so in turn."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from billing.usage import interning, sources
from billing.usage.blocks import binary_cursor
from billing.usage.models import Quarantined, Source
from billing.usage.packed import BLOCK_SIZE
from billing.usage.samples import Gauges, SampleIn
from billing.usage.taking_out import take_out
from controlplane.kernel.ids import uuid7
from tests.usage import HOUR, LARGE, SLOT, begin, live, morning, piece, send, sight, slots

pytestmark = pytest.mark.django_db
TEN = morning()
LAYOUT = import_module("billing.usage.migrations.0010_slots_in_blocks")


@pytest.fixture(autouse=True)
def days(db: None) -> None:
    begin(TEN)


def told() -> list[tuple[Any, ...]]:
    return answered("SELECT * FROM usage_sample ORDER BY slot, source, epoch")


def answered(statement: str) -> list[tuple[Any, ...]]:
    with binary_cursor() as cursor:
        cursor.execute(statement)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def lives_as(number: int) -> Source:
    """A runtime of this number."""
    source: Source = Source.objects.create(id=number, runtime=uuid7(), born=TEN - HOUR)
    piece(source, source.born, None)
    return source


def neighbours() -> list[SampleIn]:
    """Samples of two slots on both sides of a block's border, one with all that is unusual."""
    fleet = [lives_as(5 * BLOCK_SIZE + offset) for offset in (-2, -1, 0, 1)]
    rows = [sight(source, slot) for slot in slots(TEN, 2) for source in fleet]
    unusual = dict.fromkeys(Gauges._fields[4:8]) | {
        "egress_bytes": 2**50,
        "platform_requested_mib": 2**31 - 1,
    }
    return [*rows, sight(fleet[1], TEN, epoch=3, levels=LARGE, **unusual)]


def test_a_slot_has_one_row_for_its_neighbours_and_each_sample_reads_as_it_was_told() -> None:
    rows = neighbours()
    assert send(rows).accepted == len(rows)
    assert answered("SELECT count(*) FROM usage_slot") == [(4,)]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT slot, epoch, reported_at, workload_used_mib, egress_bytes, platform_requested_mib, origin, now() - stored_at"
            " < interval '1 minute', block = source / 512 FROM usage_sample ORDER BY slot, source, epoch"
        )
        found = cursor.fetchall()
    rows.sort(key=lambda row: (row.slot, Source.objects.get(runtime=row.runtime).id, row.epoch))
    assert found == [
        (row.slot, row.epoch, row.reported_at, row.gauges.workload_used_mib, row.gauges.egress_bytes,
         row.gauges.platform_requested_mib, 1, True, True)
        for row in rows
    ]  # fmt: skip


def test_rows_that_postgresql_packs_are_the_same_bytes() -> None:
    send(neighbours())
    blocks = "SELECT slot, block, samples, evidence FROM usage_slot ORDER BY slot, block"
    before = answered(blocks)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE one_by_one ON COMMIT DROP AS SELECT * FROM usage_sample")
        cursor.execute("DELETE FROM usage_slot")
        cursor.execute(LAYOUT.MOVE.format(old="one_by_one"))
    assert answered(blocks) == before


def test_the_migration_goes_back_to_rows_and_forth_again() -> None:
    send(neighbours())
    before = told()
    with connection.schema_editor(atomic=False) as editor:
        LAYOUT.backward(None, editor)
        plain = answered("SELECT * FROM usage_sample ORDER BY slot, source, epoch")
        assert [row[:1] + row[1:17] for row in before] == plain
        LAYOUT.forward(None, editor)
    assert told() == before


BAD = {
    "usage_slot_keys_ascend": "samples = substr(samples, 5, 4) || substr(samples, 1, 4) || substr(samples, 9)",
    "usage_slot_keys_ascend ": "samples = substr(samples, 1, 4) || substr(samples, 1, 4) || substr(samples, 9)",
    "usage_slot_of_its_block": "block = block + 1",
    "usage_slot_is_whole": "evidence = ''",
    "usage_slot_is_whole ": "samples = substr(samples, 1, octet_length(samples) - 1)",
}


@pytest.mark.parametrize("rule", BAD)
def test_postgresql_refuses_a_block_that_is_none(rule: str) -> None:
    send(neighbours())
    with (
        pytest.raises(IntegrityError, match=rule.strip()),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE usage_slot SET {BAD[rule]}")


def test_a_sample_that_is_taken_out_leaves_the_others_and_the_last_one_takes_the_block_along() -> None:
    one, other = lives_as(5 * BLOCK_SIZE), lives_as(5 * BLOCK_SIZE + 1)
    send([sight(one, TEN), sight(other, TEN, egress_bytes=7)])
    assert take_out(slot=TEN, source=one.id, epoch=1) is None
    assert take_out(slot=TEN + SLOT, source=one.id, epoch=0) is None
    assert take_out(slot=TEN, source=one.id, epoch=0) is not None
    assert answered("SELECT source FROM usage_sample") == [(other.id,)]
    stood = take_out(slot=TEN, source=other.id, epoch=0)
    assert stood is not None
    assert int(stood["egress_bytes"]) == 7
    assert answered("SELECT count(*) FROM usage_slot") == [(0,)]
    assert send([sight(one, TEN)]).accepted == 1


@pytest.mark.django_db(transaction=True)
def test_two_that_fill_the_same_blocks_at_once_lose_nothing_and_disagree_once() -> None:
    begin(TEN)
    fleet = [live(TEN - HOUR) for _ in range(12)]
    batches = [
        [sight(source, slot) for slot in slots(TEN, 6) for source in fleet[part::3]] for part in range(3)
    ]
    for number, batch in enumerate(batches):
        batch.append(sight(fleet[0], TEN + 6 * SLOT, egress_bytes=number))

    def work(rows: list[SampleIn]) -> Any:
        try:
            return [send(rows[at : at + 9]) for at in range(0, len(rows), 9)]
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        results = [
            each for found in pool.map(work, [batches[0], batches[1][::-1], batches[2]]) for each in found
        ]
    assert sum(result.accepted for result in results) == 12 * 6 + 1
    assert [fault.code for result in results for fault in result.quarantined] == ["conflict"] * 2
    assert Quarantined.objects.count() == 2
    assert len({(row[0], row[4], row[15]) for row in told()}) == len(told()) == 73
    sources.forget()
    interning.forget()
