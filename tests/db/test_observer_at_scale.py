"""A full list of 10,000 clusters takes seconds, and writes only what changed."""

from __future__ import annotations

import time
from collections.abc import Iterable

import pytest

from controlplane.kernel.ids import short_name
from provisioner.drivers.base import Event, EventType, Situation
from provisioner.landscapes.models import Landscape
from provisioner.observer import queries
from provisioner.observer.writer import Writer
from provisioner.runtimes.models import Runtime
from tests.watching import sight
from tests.world import World
from tests.world import landscape as landscape_row

pytestmark = pytest.mark.django_db

MANY, CHANGED = 10_000, 25
LONGEST_SECONDS = 30.0  # about two on an idle machine


def fleet(world: World, place: Landscape) -> list[Runtime]:
    names = [short_name(10) for _ in range(MANY)]
    wish = {"plan_id": "aws", "region": "eu-central-1", "created_by": "alice", "phase": "ready"}
    owner = {"tenant": world.archipel, "account": world.shop, "landscape": place}
    return Runtime.objects.bulk_create(
        Runtime(name=name, cluster_name=name, **owner, **wish) for name in names
    )


def relist(writer: Writer, version: int, events: Iterable[Event]) -> float:
    """Feed a full list as a session does, and return how many seconds that took."""
    began = time.monotonic()
    writer.take(Event(EventType.RELIST_BEGIN, str(version)))
    for event in events:
        writer.take(event)
        if writer.full:
            writer.flush()
    writer.take(Event(EventType.RELIST_END, str(version)))
    writer.flush()
    return time.monotonic() - began


def test_a_full_list_of_ten_thousand_writes_only_what_changed(world: World) -> None:
    place = landscape_row("wide")
    rows = fleet(world, place)
    assert queries.take_lock(place.pk)
    try:
        first, second = Writer(place.pk), Writer(place.pk)
        first.begin(place.key, "")
        took = relist(first, 7, (sight(row, 7) for row in rows))
        assert Runtime.objects.filter(landscape=place, status__situation="ready").count() == MANY
        Runtime.objects.filter(landscape=place).update(status_at=None)
        second.begin(place.key, "")
        changed = {row.pk for row in rows[:CHANGED]}
        now = {True: Situation.UNHEALTHY, False: Situation.READY}
        took_again = relist(second, 8, (sight(row, 8, situation=now[row.pk in changed]) for row in rows))
        written = Runtime.objects.filter(landscape=place, status_at__isnull=False)
        assert set(written.values_list("pk", flat=True)) == changed
    finally:
        queries.give_lock(place.pk)
    assert max(took, took_again) < LONGEST_SECONDS
