"""What the demo tells of a past goes through the store's one door: once, with its holes, and late where it is late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection

from billing.books.apply import apply_prices
from billing.books.models import PriceBook
from billing.usage.backdating import Past
from billing.usage.models import Quarantined, Source
from controlplane.config.demo.client import Client
from controlplane.config.demo.usage import Story
from controlplane.config.demo.usage_books import books_folder, change_prices
from controlplane.config.demo.usage_history import History, Told
from controlplane.tenants.access import SYSTEM
from tests import usage as fleet

pytestmark = pytest.mark.django_db
HOUR, SLOT = timedelta(hours=1), timedelta(minutes=5)
NODE = {
    "machine_type": "m6i.large", "capacity_millicores": 2000, "capacity_mib": 8192, "allocatable_millicores": 1900,
    "allocatable_mib": 7000, "gpus": 0, "gpu_model": "", "count": 3,
}  # fmt: skip
SHAPE = {
    "nodes": [NODE], "claims": {"default": 20}, "snapshots": {}, "balancers": 1, "components": {},
    "requested": {"workload": [500, 512, 3], "platform": [200, 256, 4]},
}  # fmt: skip


class Remembering:
    """A landscape that remembers one shape for ever, and says it in the time machine's words."""

    def get(self, path: str) -> Any:
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        begin, end = (
            int(datetime.fromisoformat(query[name].replace("Z", "+00:00")).timestamp())
            for name in ("from", "to")
        )
        step = int(query["step"])
        readings = [[at, 0, 100, 200, 50, 60] for at in range(begin, end, step)]
        return {"incarnation": "one", "step": step, "shapes": [SHAPE], "readings": readings}


@pytest.fixture
def morning() -> datetime:
    found = fleet.morning()
    fleet.begin(found)
    return found


@pytest.fixture
def history() -> History:
    return History(cast(Client, Remembering()), lambda _line: None)


def told(morning: datetime, **changes: Any) -> Told:
    """A runtime that lived from two hours before the morning until now; the collector has it from two hours after it."""
    source = fleet.live(morning - 2 * HOUR)
    past = changes.pop("past", Past(morning - 2 * HOUR))
    story = Story("aegean-shipping", "routes-production", past, **changes)
    return Told(story, source.runtime, "cluster", (), morning + 2 * HOUR)


def slots_of(each: Told) -> list[datetime]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT slot FROM usage_sample WHERE source = %s ORDER BY slot",
            [Source.objects.get(runtime=each.runtime).id],
        )
        return [slot.astimezone(UTC) for (slot,) in cursor.fetchall()]


def test_a_window_is_brought_in_up_to_what_the_collector_saw_and_a_second_time_brings_nothing(
    morning: datetime, history: History
) -> None:
    each = told(morning)
    window = morning - 6 * HOUR, morning + 6 * HOUR
    history.bring([each], window)
    assert slots_of(each) == fleet.slots(morning - 2 * HOUR, 48)
    history.bring([each], window)
    assert history.samples == 48
    assert not Quarantined.objects.exists()


def test_what_was_missed_is_nobodys_and_what_is_late_comes_when_it_is_told(
    morning: datetime, history: History
) -> None:
    missed, late = (morning - HOUR, morning - HOUR + 3 * SLOT), (morning, morning + HOUR)
    each = told(morning, missed=(missed,), late=late)
    history.bring([each], (morning - 6 * HOUR, morning + 6 * HOUR))
    there = slots_of(each)
    assert len(there) == 48 - 3 - 12
    assert not [slot for slot in there if missed[0] <= slot < missed[1] or late[0] <= slot < late[1]]
    assert history.bring_late(each) == 12
    assert history.bring_late(each) == 0


def test_asleep_it_has_nothing_that_is_paid_for(morning: datetime, history: History) -> None:
    each = told(morning, past=Past(morning - 2 * HOUR, morning - HOUR, morning))
    history.bring([each], (morning - 6 * HOUR, morning + 6 * HOUR))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.slot FROM usage_sample s JOIN usage_shape h ON h.id = s.shape"
            " WHERE NOT h.levels ? 'vcpu' ORDER BY 1"
        )
        assert [slot.astimezone(UTC) for (slot,) in cursor.fetchall()] == fleet.slots(morning - HOUR, 12)


def test_a_slot_told_twice_and_differently_is_kept_aside(morning: datetime, history: History) -> None:
    each = told(morning, contested=morning)
    history.bring([each], (morning - 6 * HOUR, morning + 6 * HOUR))
    assert history.contest(each) == 1
    assert [row.reason for row in Quarantined.objects.all()] == ["conflict"]


def test_new_prices_hold_from_the_first_of_the_month_and_stay_at_the_next_start(
    db: None, tmp_path: Path
) -> None:
    apply_prices(actor=SYSTEM, directory=books_folder(tmp_path))
    since = datetime(2026, 11, 1, tzinfo=UTC).date()
    change_prices(tmp_path, since=since)
    assert PriceBook.objects.get(key="standard", version=1).effective_to == since
    assert PriceBook.objects.get(key="standard", version=2).effective_from == since
    assert not apply_prices(actor=SYSTEM, directory=books_folder(tmp_path)).written
    change_prices(tmp_path, since=datetime(2026, 12, 1, tzinfo=UTC).date())
    assert PriceBook.objects.get(key="standard", version=2).effective_from == since
    before, after = (PriceBook.objects.get(key="standard", version=number).document for number in (1, 2))
    cores = [
        next(line for line in book["lines"] if line["key"] == "vcpu")["price"] for book in (before, after)
    ]
    assert cores[0]["tiers"][0]["price"] < cores[1]["tiers"][0]["price"]
