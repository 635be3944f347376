"""A batch that meets what others stored, forget or take out at the same moment: each sample is stored once all the same."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction

from billing.usage import interning, sources
from billing.usage.samples import Ingested, SampleIn
from billing.usage.taking_out import take_out
from tests.usage import HOUR, SLOT, begin, live, morning, send, sight, slots

pytestmark = pytest.mark.django_db
TEN = morning()
DAY = timedelta(days=1)
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@pytest.fixture(autouse=True)
def days(db: None) -> None:
    begin(TEN)


def told(result: Ingested) -> tuple[int, int, int]:
    return result.accepted, result.duplicates, len(result.quarantined)


def test_more_blocks_than_are_merged_at_once_are_merged_all() -> None:
    one, other = live(TEN - 20 * HOUR), live(TEN - 20 * HOUR)
    moments = slots(TEN - 18 * HOUR, 300)
    assert told(send([sight(one, slot) for slot in moments])) == (300, 0, 0)
    batch = [sight(other, slot) for slot in moments]
    assert told(send([*batch, sight(one, moments[-1])])) == (300, 1, 0)
    assert told(send(batch)) == (0, 300, 0)


def test_of_a_batch_of_two_days_only_the_one_that_is_known_is_taken_for_repeated() -> None:
    source = live(TEN - 2 * DAY)
    first, second = [sight(source, slot) for slot in slots(TEN - DAY, 3)], [sight(source, TEN)]
    assert told(send(first)) == (3, 0, 0)
    assert told(send([*first, *second])) == (1, 3, 0)
    assert told(send([*first, *second])) == (0, 4, 0)
    changed = sight(source, TEN, egress_bytes=1)
    assert told(send([*first, changed])) == (0, 3, 1)


@pytest.mark.django_db(transaction=True)
def test_a_block_that_goes_while_a_batch_waits_for_it_is_made_by_the_batch() -> None:
    begin(TEN)
    one, other = live(TEN - HOUR), live(TEN - HOUR)
    send([sight(one, TEN)])
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            assert take_out(slot=TEN, source=one.id, epoch=0) is not None
            batch = pool.submit(_send_and_leave, [sight(other, TEN), sight(other, TEN + SLOT)])
            _wait_until_somebody_waits()
        assert told(batch.result(10)) == (2, 0, 0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT source FROM usage_sample")
        assert cursor.fetchall() == [(other.id,)]
    sources.forget()
    interning.forget()


def _send_and_leave(batch: list[SampleIn]) -> Ingested:
    try:
        return send(batch)
    finally:
        connection.close()


def _wait_until_somebody_waits() -> None:
    deadline = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(WAITING)
            if cursor.fetchone() != (0,):
                return
            time.sleep(0.01)
    pytest.fail("the batch waits for nobody")
