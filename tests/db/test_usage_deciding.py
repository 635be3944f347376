"""Somebody decides which of two readings of a slot stands; what gives way is kept, and its hour is made anew."""

from __future__ import annotations

import pytest

from billing.usage import deciding, hours
from billing.usage.models import Batch, Dirty, Hour, Quarantined, Shape, Source
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import uuid7
from controlplane.tenants.models import AuditEvent
from tests.usage import HOUR, LARGE, SLOT, SMALL, begin, live, morning, send, sight, slots
from tests.world import World

pytestmark = pytest.mark.django_db
TEN = morning()


@pytest.fixture
def source() -> Source:
    """A runtime that told an hour, and then something else of its first slot."""
    begin(TEN)
    source = live(TEN - HOUR)
    send([sight(source, slot) for slot in slots(TEN, 12)])
    send([sight(source, TEN, levels=LARGE, egress_bytes=70, platform_used_mib=9)])
    return source


def rolled() -> dict[int, int]:
    while hours.roll_up():
        pass
    cores = {row.id: row.levels["vcpu"][""] for row in Shape.objects.all()}
    return {cores[row.shape]: row.observed_seconds for row in Hour.objects.filter(hour=TEN, shape__gt=0)}


def test_an_accepted_reading_stands_and_the_other_one_can_be_brought_back(
    world: World, source: Source
) -> None:
    assert rolled() == {4000: 3600}
    row = deciding.accept(actor=world.sam.actor, sample_id=Quarantined.objects.get().id, reason="agreed")
    assert (row.decision, row.decided_by, row.decided_why) == ("accepted", world.sam.actor.name, "agreed")
    assert rolled() == {4000: 3300, 8000: 300}
    assert sum(row.egress_bytes for row in Hour.objects.filter(hour=TEN)) == 11 * 10 + 70
    before = Quarantined.objects.get(decision="")
    assert (before.reason, before.payload["levels"], before.payload["gauges"]["platform_used_mib"]) == (
        "replaced", SMALL, 100,
    )  # fmt: skip
    deciding.accept(actor=world.sam.actor, sample_id=before.id, reason="on second thought")
    assert rolled() == {4000: 3600}
    event = AuditEvent.objects.filter(action="usage.sample_accept").earliest("id")
    assert (event.target_id, event.changes["replaced"], event.changes["reason"]) == (
        str(row.id),
        True,
        "agreed",
    )


def test_a_dismissed_reading_counts_for_nothing_and_stays_dismissed(world: World, source: Source) -> None:
    rolled()
    row = deciding.dismiss(
        actor=world.sam.actor, sample_id=Quarantined.objects.get().id, reason="a broken agent"
    )
    send([sight(source, TEN, levels=LARGE, egress_bytes=70, platform_used_mib=9)])
    assert Quarantined.objects.get().decision == "dismissed"
    assert not Dirty.objects.exists()
    for decide in (deciding.dismiss, deciding.accept):
        with pytest.raises(Refused, match="dismissed already"):
            decide(actor=world.sam.actor, sample_id=row.id, reason="again")


def test_a_clock_that_was_off_is_believed_once_somebody_has_looked(world: World) -> None:
    begin(TEN)
    source = live(TEN - HOUR)
    send([sight(source, TEN, reported_at=TEN - HOUR)])
    deciding.accept(
        actor=world.sam.actor, sample_id=Quarantined.objects.get().id, reason="its clock was set wrong"
    )
    assert rolled() == {4000: 300}
    assert Quarantined.objects.count() == 1


def test_what_can_not_stand_is_not_accepted(world: World) -> None:
    begin(TEN)
    send([sight(live(TEN), TEN - HOUR)])
    row = Quarantined.objects.get()
    for actor, sample_id, reason, code in (
        (world.sam.actor, row.id, "because", "sample_unacceptable"),
        (world.sam.actor, row.id, "  ", "reason_missing"),
        (world.sam.actor, uuid7(), "because", "sample_not_found"),
        (world.alice.actor, row.id, "because", "forbidden"),
    ):
        with pytest.raises(Refused) as refused:
            deciding.accept(actor=actor, sample_id=sample_id, reason=reason)
        assert refused.value.code == code
    row.refresh_from_db()
    assert row.decision == ""


def test_a_batch_is_not_known_any_more_once_one_of_its_readings_gave_way(world: World) -> None:
    begin(TEN)
    source = live(TEN - HOUR)
    batch = [sight(source, slot) for slot in slots(TEN, 3)]
    send(batch)
    assert send(batch).duplicates == 3
    assert Batch.objects.count() == 1
    send([sight(source, TEN + SLOT, levels=LARGE)])
    deciding.accept(actor=world.sam.actor, sample_id=Quarantined.objects.get().id, reason="agreed")
    again = send(batch)
    assert (again.duplicates, [fault.row for fault in again.quarantined]) == (2, [1])


def test_an_unknown_batch_of_known_rows_is_looked_at_row_by_row() -> None:
    begin(TEN)
    source = live(TEN - HOUR)
    batch = [sight(source, slot) for slot in slots(TEN, 3)]
    assert send(batch).accepted == 3
    Batch.objects.all().delete()
    assert send(batch).duplicates == 3
    assert send([*batch, sight(source, TEN + 3 * SLOT)]).accepted == 1
