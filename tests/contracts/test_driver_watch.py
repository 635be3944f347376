"""Every driver's watch tells a landscape's history without a gap, from wherever it left off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest

from controlplane.kernel.errors import Retry
from provisioner.drivers.base import Cursor, Event, EventType, Situation
from tests.contracts.drivers import Ground, later, ref


def told(events: Iterator[Event], until: EventType) -> list[Event]:
    found: list[Event] = []
    for event in events:
        found.append(event)
        if event.type is until:
            return found
    raise AssertionError(f"the watch ended before {until}")


def listed(ground: Ground) -> list[Event]:
    return told(ground.driver.watch(None), EventType.RELIST_END)


def test_a_watch_without_a_past_begins_with_everything(ground: Ground) -> None:
    cluster = ground.wish()
    ground.ready(cluster)
    events = listed(ground)
    assert [events[0].type, events[-1].type] == [EventType.RELIST_BEGIN, EventType.RELIST_END]
    assert events[0].version == events[-1].version
    names = [event.observed.name for event in events[1:-1] if event.observed]
    assert names.count(cluster.name) == 1


def test_a_watch_goes_on_where_it_left_off(ground: Ground) -> None:
    cluster = ground.wish()
    ground.ready(cluster)
    left_off = Cursor(listed(ground)[-1].version)
    ground.driver.ensure(later(cluster, hibernated=True))
    ground.until(cluster, lambda seen: seen.situation is Situation.READY)
    ground.remove(cluster)
    seen = []
    for event in ground.driver.watch(left_off):
        if event.observed and event.observed.name == cluster.name:
            seen.append(event)
            if event.type is EventType.GONE:
                break
    assert EventType.RELIST_BEGIN not in {event.type for event in seen}
    situations = [event.observed.situation for event in seen if event.observed]
    assert situations[0] is Situation.CHANGING
    assert Situation.READY in situations
    assert situations[-1] is Situation.ABSENT
    assert seen[-1].observed is not None
    assert seen[-1].observed.owner["runtime"] == cluster.labels["nesoi.dev/runtime"]
    assert [int(event.version) for event in seen] == sorted(int(event.version) for event in seen)


def test_a_past_that_was_compacted_leads_to_a_full_list(ground: Ground) -> None:
    cluster = ground.wish()
    old = Cursor(listed(ground)[-1].version)
    ground.ready(cluster)
    ground.trouble().compact()
    events = told(ground.driver.watch(old), EventType.RELIST_END)
    assert EventType.RELIST_BEGIN in {event.type for event in events}
    assert cluster.name in {event.observed.name for event in events if event.observed}


def test_a_future_that_the_server_does_not_know_leads_to_a_full_list(ground: Ground) -> None:
    events = told(ground.driver.watch(Cursor(str(10**15))), EventType.RELIST_END)
    assert events[0].type is EventType.RELIST_BEGIN


def test_a_dropped_watch_ends_instead_of_falling_silent(ground: Ground) -> None:
    events = ground.driver.watch(None)
    told(events, EventType.RELIST_END)
    cluster = ground.wish()
    ground.driver.ensure(cluster)
    next(events)
    ground.trouble().drop_watches()
    with suppress(Retry):  # a connection that broke is told as such, one that was closed just ends
        assert len(list(events)) < 100


def test_a_silent_landscape_tells_its_version_by_bookmarks(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A real server looks once a second whose watch ends within two: a busy one needs some such looks before that.
    seconds = 3.0 if ground.simulator else 15.0
    monkeypatch.setattr("provisioner.drivers.shoots.watching._WATCH_SECONDS", (seconds, seconds))
    version = listed(ground)[-1].version
    events = [event for event in ground.driver.watch(Cursor(version)) if event.type is EventType.BOOKMARK]
    assert events
    assert int(events[-1].version) >= int(version)


def test_clusters_without_our_owner_tag_are_not_told(ground: Ground) -> None:
    cluster = ground.wish()
    ground.driver.ensure(cluster)
    ground.until(cluster, lambda seen: seen.situation is Situation.READY)
    for event in listed(ground):
        assert event.observed is None or event.observed.owner["runtime"]
    assert ground.driver.observe(ref(cluster)).situation is Situation.READY
