"""A collector that begins anew knows from the store what was seen last, and fills only what stood all the time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from billing.collecting.remembering import last_seen
from billing.collecting.samples import Held, between
from billing.usage.models import Source
from billing.usage.samples import Origin, SampleIn
from controlplane.tenants.isolation.roles import WORKER
from tests.database_roles import acting_as
from tests.usage import LARGE, SLOT, begin, live, morning, send, sight

pytestmark = pytest.mark.django_db
SECONDS = int(SLOT.total_seconds())


def stored(source: Source, *numbers: int, epoch: int = 7) -> list[SampleIn]:
    """Samples of slots, counted from ten o'clock."""
    batch = [sight(source, morning() + number * SLOT, epoch=epoch) for number in numbers]
    found = send(batch)
    assert (found.refused, found.quarantined) == ((), ())
    return batch


def known(*sources: Source, now: int, most: int = 36) -> dict[Source, Held]:
    runtimes = {source.runtime: source for source in sources}
    with acting_as(WORKER):
        found = last_seen(list(runtimes), morning() + now * SLOT, seconds=SECONDS, most=most)
    return {runtimes[runtime]: held for runtime, held in found.items()}


def test_the_newest_sight_of_each_is_found_and_nothing_that_is_too_old_or_asleep() -> None:
    begin(morning())
    early, late, old, asleep = (live(morning() - timedelta(hours=5)) for _ in range(4))
    stored(early, 0, 1, 2)
    stored(late, 0, 4)
    stored(old, -30)
    stored(asleep, 3, epoch=0)
    found = known(early, late, old, asleep, now=6, most=10)
    assert {source: held.slot for source, held in found.items()} == {
        early: morning() + 2 * SLOT,
        late: morning() + 4 * SLOT,
    }
    assert uuid4() not in {source.runtime for source in found}


def test_what_nobody_read_while_we_were_down_is_filled_where_it_is_proved_and_else_left_unknown() -> None:
    begin(morning())
    source = live(morning() - timedelta(hours=1))
    [last] = stored(source, 0)
    before = known(source, now=4)[source]
    assert before.sample.levels == last.levels
    assert before.sample.gauges.workload_requested_millicores == 500
    now = sight(source, morning() + 4 * SLOT, epoch=7, workload_requested_millicores=300)
    after = Held(now.slot, b"digest", now, newest=morning() - timedelta(days=1))
    proved = list(between(before, after, seconds=SECONDS, most=36))
    assert [each.slot for each in proved] == [morning() + number * SLOT for number in (1, 2, 3)]
    assert {each.gauges.workload_requested_millicores for each in proved} == {300}
    taken = send(proved, Origin.BACKFILL)
    assert (taken.accepted, taken.refused, taken.quarantined) == (3, (), ())
    grown = replace(after, sample=now._replace(levels=LARGE))
    younger = replace(after, newest=morning() + SLOT)
    for doubtful in (grown, younger):
        assert list(between(before, doubtful, seconds=SECONDS, most=36)) == []
