"""/metrics, /readyz and `landscape list` say how well each landscape is observed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils.timezone import now
from prometheus_client import CollectorRegistry

from controlplane.kernel.clock import rfc3339
from provisioner.drivers.base import Event, EventType
from provisioner.landscapes.models import Landscape
from provisioner.observer import metrics, queries
from provisioner.observer.changes import lag_since
from provisioner.observer.models import Drift
from provisioner.observer.writer import Writer
from tests.watching import runtime, sight
from tests.world import World
from tests.world import landscape as landscape_row

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(world: World) -> Landscape:
    return landscape_row("north", calls_per_second=5.0, burst=10.0, tokens=4.0)


def told(name: str, **labels: str) -> float | None:
    registry = CollectorRegistry()
    metrics.register(registry)
    return registry.get_sample_value(name, {"landscape": "north", **labels})


def change(place: Landscape, **fields: Any) -> None:
    Landscape.objects.filter(pk=place.pk).update(**fields)


def test_metrics_tell_breaker_budget_and_what_the_audit_found(world: World, place: Landscape) -> None:
    change(place, breaker="open", orphans_count=3, missing_count=2, audited_at=now(), tokens_at=now())
    row = runtime(world, place)
    Drift.objects.create(runtime=row, landscape=place, fields=["spec.purpose"], seen_at=now(), due_at=now())
    assert [told("nesoi_landscape_breaker", state=each) for each in ("closed", "open", "half_open")] == [
        0,
        1,
        0,
    ]
    tokens = told("nesoi_landscape_budget_tokens")
    assert tokens is not None
    assert 4 <= tokens < 10
    assert told("nesoi_landscape_orphans") == 3
    assert told("nesoi_landscape_missing_clusters") == 2
    assert told("nesoi_landscape_drifted_clusters") == 1


def test_metrics_tell_nothing_of_what_never_was(place: Landscape) -> None:
    assert told("nesoi_observer_observed_timestamp_seconds") is None
    assert told("nesoi_observer_lag_seconds") is None
    assert told("nesoi_landscape_audited_timestamp_seconds") is None


@pytest.mark.parametrize("since", ["observed_at", "created_at"])
def test_metrics_tell_the_silence_of_a_watch_and_of_one_that_never_was(place: Landscape, since: str) -> None:
    change(place, **{since: now() - timedelta(seconds=100)})
    silence = told("nesoi_observer_silence_seconds")
    assert silence is not None
    assert 95 <= silence < 130


def test_metrics_are_served(place: Landscape) -> None:
    body = Client().get("/metrics").content.decode()
    assert 'nesoi_landscape_budget_tokens{landscape="north"}' in body


def test_metrics_count_no_orphans_before_the_first_audit(place: Landscape) -> None:
    names = ("nesoi_landscape_orphans", "nesoi_landscape_missing_clusters")
    assert [told(name) for name in names] == [None, None]
    change(place, audited_at=now())
    assert [told(name) for name in names] == [0, 0]


def observe(place: Landscape, monkeypatch: pytest.MonkeyPatch, *batches: list[Event]) -> None:
    monkeypatch.setattr("provisioner.observer.writer.PLACE_SECONDS", 0.0)
    assert queries.take_lock(place.pk)
    try:
        writer = Writer(place.pk)
        writer.begin(place.key, "1")
        for batch in batches:
            for event in batch:
                writer.take(event)
            writer.flush()
    finally:
        queries.give_lock(place.pk)


def timed(event: Event, seconds_ago: float) -> Event:
    at = (now() - timedelta(seconds=seconds_ago)).replace(microsecond=0)
    return Event(event.type, event.version, event.observed, at=rfc3339(at) or "")


def test_the_lag_is_from_the_oldest_change_to_its_writing(
    world: World, place: Landscape, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = runtime(world, place), runtime(world, place)
    observe(place, monkeypatch, [timed(sight(first, 2), 5), timed(sight(second, 3), 40)])
    lag = told("nesoi_observer_lag_seconds")
    assert lag is not None
    assert 40 <= lag < 60


def test_a_bookmark_says_that_nothing_is_behind(
    world: World, place: Landscape, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = runtime(world, place)
    observe(place, monkeypatch, [timed(sight(row, 2), 40)], [Event(EventType.BOOKMARK, "9")])
    assert told("nesoi_observer_lag_seconds") == 0


@pytest.mark.parametrize("moment", ["", "yesterday", "2026-01-01T00:00:00", "2999-01-01T00:00:00Z"])
def test_a_moment_that_can_not_be_compared_is_no_lag(moment: str) -> None:
    assert lag_since(moment, now()) == 0


def test_readiness_names_a_landscape_that_is_not_heard_and_stays_ready(place: Landscape) -> None:
    assert Client().get("/readyz").json() == {"ready": True}
    change(place, observed_at=now() - timedelta(minutes=4))
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "stale_landscapes": ["north"]})
    change(place, observed_at=None, created_at=now() - timedelta(minutes=4))
    assert Client().get("/readyz").json()["stale_landscapes"] == ["north"]
    change(place, observed_at=now() - timedelta(minutes=2))
    assert Client().get("/readyz").json() == {"ready": True}


def test_the_list_of_landscapes_says_when_each_was_observed(
    place: Landscape, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("landscape", "list")
    assert "never observed\tnot audited yet" in capsys.readouterr().out
    moment = now() - timedelta(minutes=4)
    change(place, observed_at=moment, audited_at=now(), orphans_count=2)
    call_command("landscape", "list")
    assert f"observed {rfc3339(moment)} (stale)\t2 orphans" in capsys.readouterr().out
