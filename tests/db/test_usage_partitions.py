"""Days of samples go when they are old and nothing waits for them, and with them all that speaks of what they held."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from billing.usage import hours, partitions
from billing.usage.models import Batch, ComponentUse, Dirty
from billing.usage.partitions import standing
from controlplane.tenants.isolation.roles import WORKER
from tests.database_roles import acting_as
from tests.usage import HOUR, SLOT, begin, live, send, sight, slots

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)
NOON = NOW.replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=200)


def drop_old() -> int:
    with acting_as(WORKER):
        return partitions.drop_old(now=NOW)


def test_history_that_was_brought_in_stays_until_its_hours_are_made() -> None:
    begin(NOON)
    day = NOON.date()
    source = live(NOON, gone=NOON + HOUR)
    send([sight(source, slot) for slot in slots(NOON, 12)])
    midnight = NOON + timedelta(hours=12)  # its first half hour may reach into the day before
    Dirty.objects.create(hour=midnight, sources=[source.id])
    for hour in (NOON, midnight, NOON - timedelta(days=2)):
        ComponentUse.objects.create(hour=hour, used="{}")
    assert drop_old() == 1
    assert set(ComponentUse.objects.values_list("hour", flat=True)) == {NOON, midnight}
    assert standing([day, midnight.date()]) == {day, midnight.date()}
    while hours.roll_up():
        pass
    assert drop_old() == 2
    assert standing([day, midnight.date()]) == set()
    assert not ComponentUse.objects.exists()


def test_a_day_that_was_dropped_and_made_again_takes_the_same_batch_once_more() -> None:
    begin(NOON)
    source = live(NOON - HOUR)
    batch = [sight(source, NOON), sight(source, NOON + SLOT)]
    assert (send(batch).accepted, send(batch).duplicates) == (2, 2)
    with acting_as(WORKER):
        assert partitions._dropped("SELECT usage_drop_partition(%s)", NOON.date()) == 1
    assert not Batch.objects.exists()
    Batch.objects.create(day=NOON.date(), digest=b"of a day that went by hand")
    with acting_as(WORKER):
        partitions.make(NOON.date())
    assert not Batch.objects.exists()
    assert send(batch).accepted == 2
