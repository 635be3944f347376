"""The observer writes what changed, once, and never backwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection
from django.utils.timezone import now

from provisioner.drivers.base import Event, EventType, Situation
from provisioner.landscapes.models import Landscape
from provisioner.observer import queries
from provisioner.observer.changes import MOST
from provisioner.observer.writer import LockLostError, Writer
from tests.watching import gone, runtime, sight, situation
from tests.world import World
from tests.world import landscape as landscape_row

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(world: World) -> Landscape:
    return landscape_row("observed")


@pytest.fixture
def writer(place: Landscape, woken: list[UUID]) -> Iterator[Writer]:
    assert queries.take_lock(place.pk)
    made = Writer(place.pk)
    made.begin(place.key, "")
    yield made
    queries.give_lock(place.pk)


def write(writer: Writer, *events: Event) -> None:
    for event in events:
        writer.take(event)
    writer.flush()


def relist(writer: Writer, version: int, *events: Event) -> None:
    begin, end = (Event(type_, str(version)) for type_ in (EventType.RELIST_BEGIN, EventType.RELIST_END))
    write(writer, begin, *events, end)


def test_a_sight_becomes_the_runtimes_status(world: World, place: Landscape, writer: Writer) -> None:
    row = runtime(world, place)
    write(writer, sight(row, 7, progress=100, api_endpoint="https://api"))
    row.refresh_from_db()
    assert (row.status["situation"], row.status["api_endpoint"]) == ("ready", "https://api")
    assert row.landscape_version == "7"
    assert row.status_at is not None
    assert "version" not in row.status


def test_settled_sights_wake_and_progress_does_not(
    world: World, place: Landscape, writer: Writer, woken: list[UUID]
) -> None:
    rows = {each: runtime(world, place) for each in Situation}
    for version, (each, row) in enumerate(rows.items()):
        write(writer, sight(row, version, situation=each))
    assert {row.pk for each, row in rows.items() if each is not Situation.CHANGING} == set(woken)
    assert situation(rows[Situation.CHANGING]) == "changing"


def test_the_same_sight_again_costs_no_statement(
    world: World, place: Landscape, writer: Writer, django_assert_num_queries: Any
) -> None:
    row = runtime(world, place)
    write(writer, sight(row, 7))
    with django_assert_num_queries(0):
        write(writer, sight(row, 8), sight(row, 9))


def test_a_new_observer_writes_nothing_that_is_there_already(
    world: World, place: Landscape, writer: Writer, woken: list[UUID]
) -> None:
    row = runtime(world, place)
    write(writer, sight(row, 7))
    row.refresh_from_db()
    before = row.status_at
    woken.clear()
    other = Writer(place.pk)
    other.begin(place.key, "7")
    write(other, sight(row, 8))
    row.refresh_from_db()
    assert (row.status_at, row.landscape_version, woken) == (before, "7", [])


def test_a_batch_is_one_statement_in_one_transaction(
    world: World, place: Landscape, writer: Writer, django_assert_num_queries: Any
) -> None:
    rows = [runtime(world, place) for _ in range(20)]
    with django_assert_num_queries(3):  # savepoint, update, release
        write(writer, *(sight(row, at) for at, row in enumerate(rows)))
    assert {situation(row) for row in rows} == {"ready"}


def test_the_newest_of_a_batch_wins(world: World, place: Landscape, writer: Writer) -> None:
    row = runtime(world, place)
    write(writer, sight(row, 1, situation=Situation.CHANGING), sight(row, 2), gone(row, 3))
    assert situation(row) == "absent"


def test_a_batch_knows_when_it_is_full(world: World, place: Landscape, writer: Writer) -> None:
    row = runtime(world, place)
    template = sight(row, 1)
    assert template.observed is not None
    for at in range(MOST):
        assert not writer.full
        owner = {"runtime": str(UUID(int=at))}
        writer.take(sight(row, at, owner=owner))
    assert writer.full


def test_an_older_sight_never_overwrites_a_newer_one(world: World, place: Landscape, writer: Writer) -> None:
    row = runtime(world, place)
    write(writer, sight(row, 10))
    late = Writer(place.pk)
    late.begin(place.key, "5")
    write(late, sight(row, 9, situation=Situation.CHANGING))
    assert situation(row) == "ready"
    write(late, sight(row, 11, situation=Situation.CHANGING, progress=50))
    assert situation(row) == "changing"


def test_versions_are_compared_as_numbers(world: World, place: Landscape, writer: Writer) -> None:
    row = runtime(world, place)
    write(writer, sight(row, 9), sight(row, 9))
    write(writer, sight(row, 10, situation=Situation.CHANGING))
    assert situation(row) == "changing"


def test_only_the_living_runtime_of_this_landscape_is_written(
    world: World, place: Landscape, writer: Writer
) -> None:
    elsewhere = runtime(world, landscape_row("elsewhere"))
    dead = runtime(world, place, phase="deprovisioned", deleted_at=now())
    other_name = runtime(world, place)
    event = sight(other_name, 3)
    other_name.cluster_name = "renamed"
    other_name.save()
    write(writer, sight(elsewhere, 1), sight(dead, 2), event)
    assert {situation(row) for row in (elsewhere, dead, other_name)} == {""}


def test_after_a_full_list_whoever_was_not_seen_is_absent(
    world: World, place: Landscape, writer: Writer, woken: list[UUID]
) -> None:
    stays, vanished, unborn = (runtime(world, place) for _ in range(3))
    write(writer, sight(stays, 1), sight(vanished, 2))
    woken.clear()
    relist(writer, 5, sight(stays, 1))
    assert [situation(row) for row in (stays, vanished, unborn)] == ["ready", "absent", ""]
    assert vanished.status["name"] == vanished.cluster_name
    assert woken == [vanished.pk]
    place.refresh_from_db()
    assert (place.cursor, place.relisted_at is not None) == ("5", True)


def test_a_list_that_broke_off_makes_nobody_absent(world: World, place: Landscape, writer: Writer) -> None:
    first, second = runtime(world, place), runtime(world, place)
    relist(writer, 5, sight(first, 1), sight(second, 2))
    write(writer, Event(EventType.RELIST_BEGIN, "6"), sight(first, 1))
    writer.finish()
    assert situation(second) == "ready"
    place.refresh_from_db()
    assert place.cursor == "5"
    writer.begin(place.key, place.cursor)
    write(writer, gone(second, 7))
    writer.finish()
    place.refresh_from_db()
    assert (situation(second), place.cursor) == ("absent", "7")


def test_a_history_that_began_anew_is_believed(world: World, place: Landscape, writer: Writer) -> None:
    row, lost = runtime(world, place), runtime(world, place)
    relist(writer, 1000, sight(row, 900), sight(lost, 901))
    relist(writer, 20, sight(row, 3, situation=Situation.CHANGING))
    assert (situation(row), row.landscape_version) == ("changing", "3")
    assert situation(lost) == "absent"
    write(writer, sight(row, 21))
    assert situation(row) == "ready"


def test_clusters_that_no_runtime_owns_are_found(world: World, place: Landscape, writer: Writer) -> None:
    row = runtime(world, place)
    dead = runtime(world, place, phase="deprovisioned", deleted_at=now())
    seen = [(row.pk, row.cluster_name), (dead.pk, dead.cluster_name), (None, "stray"), (row.pk, "twin")]
    assert queries.unowned(place.pk, seen) == sorted([dead.cluster_name, "stray", "twin"])


def test_without_the_lock_nothing_is_written(world: World, place: Landscape, writer: Writer) -> None:
    row = runtime(world, place)
    queries.give_lock(place.pk)
    parameters = {
        key: value for key, value in connection.get_connection_params().items() if key != "cursor_factory"
    }
    parameters.pop("context", None)
    with psycopg.connect(**parameters) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [queries.lock_of(place.pk)])
        write(writer, sight(row, 1))
        assert situation(row) == ""
        with pytest.raises(LockLostError):
            writer.keep_place()
        # By itself the lock goes some time after the connection is closed.
        other.execute("SELECT pg_advisory_unlock(%s)", [queries.lock_of(place.pk)])
    assert queries.take_lock(place.pk)


def test_the_place_is_kept_only_when_something_was_heard(
    place: Landscape, writer: Writer, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr("provisioner.observer.writer.PLACE_SECONDS", 0.0)
    with django_assert_num_queries(1):
        write(writer, Event(EventType.BOOKMARK, "44"))
    with django_assert_num_queries(0):
        writer.flush()
    place.refresh_from_db()
    assert place.cursor == "44"
    assert place.observed_at is not None


def test_a_list_that_lacks_most_of_the_fleet_fails_nobody(
    world: World, place: Landscape, writer: Writer
) -> None:
    rows = [runtime(world, place, phase="ready") for _ in range(12)]
    write(writer, *(sight(row, at) for at, row in enumerate(rows)))
    relist(writer, 50)
    assert {(situation(row), row.phase) for row in rows} == {("absent", "ready")}


def test_a_list_that_lacks_a_few_fails_those(world: World, place: Landscape, writer: Writer) -> None:
    rows = [runtime(world, place, phase="ready") for _ in range(4)]
    write(writer, *(sight(row, at) for at, row in enumerate(rows)))
    relist(writer, 50, *(sight(row, 40) for row in rows[1:]))
    assert [(situation(row), row.phase) for row in rows[:2]] == [("absent", "failed"), ("ready", "ready")]


@pytest.mark.parametrize("owner", [{}, {"runtime": ""}])
def test_what_is_gone_without_saying_whose_it_was_is_known_by_its_name(
    world: World, place: Landscape, writer: Writer, owner: dict[str, str]
) -> None:
    row, other = runtime(world, place), runtime(world, place)
    event = gone(row, 5)
    assert event.observed is not None
    write(
        writer, sight(row, 4), sight(other, 4), replace(event, observed=replace(event.observed, owner=owner))
    )
    assert (situation(row), situation(other)) == ("absent", "ready")
