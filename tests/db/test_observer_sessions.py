"""The observer follows a real landscape: it resumes, relists, waits out what breaks, and shares with a second copy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection

from controlplane.kernel.clock import utcnow
from provisioner.landscapes import breaker, budget
from provisioner.landscapes.models import Landscape
from provisioner.observer import queries, session, watchers
from provisioner.runtimes.models import Runtime
from tests.plugins.simulator import Simulator
from tests.watching import cluster_of, driver_of, observing, remove, runtime, situation, until
from tests.world import World
from tests.world import landscape as landscape_row

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "STANDBY_SECONDS", 0.1)
    monkeypatch.setattr(session, "LONGEST_PAUSE_SECONDS", 0.5)
    monkeypatch.setattr(watchers, "LOOK_SECONDS", 0.1)


@pytest.fixture
def place(world: World, simulator: Simulator, woken: list[UUID]) -> Landscape:
    return landscape_row("observed", kubeconfig=simulator.kubeconfig)


@pytest.fixture
def row(world: World, place: Landscape) -> Iterator[Runtime]:
    made = runtime(world, place)
    yield made
    remove(driver_of(place), made)


def relists(place: Landscape) -> object:
    place.refresh_from_db()
    return place.relisted_at


def holder(place: Landscape) -> int | None:
    """The process id of the connection that holds the landscape's lock."""
    lock = queries.lock_of(place.pk) % 2**64
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid::bigint = %s AND objid::bigint = %s",
            [lock >> 32, lock & 0xFFFFFFFF],
        )
        found = cursor.fetchone()
    return found[0] if found else None


def test_a_cluster_is_followed_to_ready_and_its_operation_woken(
    place: Landscape, row: Runtime, woken: list[UUID]
) -> None:
    with observing(place):
        until(lambda: relists(place))
        driver_of(place).ensure(cluster_of(row))
        until(lambda: situation(row) == "ready")
        assert row.pk in woken
        remove(driver_of(place), row)
        until(lambda: situation(row) == "absent")


def test_what_happened_while_nobody_watched_is_told_without_a_new_list(
    place: Landscape, row: Runtime
) -> None:
    driver = driver_of(place)
    driver.ensure(cluster_of(row))
    with observing(place):
        until(lambda: situation(row) == "ready")
    listed = relists(place)
    driver.ensure(cluster_of(row, hibernated=True))
    with observing(place):
        until(lambda: situation(row) == "ready" and row.status["hibernated"])
    assert relists(place) == listed


def test_a_history_compacted_meanwhile_is_listed_anew(
    place: Landscape, row: Runtime, simulator: Simulator
) -> None:
    driver = driver_of(place)
    driver.ensure(cluster_of(row))
    with observing(place):
        until(lambda: situation(row) == "ready")
    listed = relists(place)
    remove(driver, row)
    simulator.compact()
    with observing(place):
        until(lambda: situation(row) == "absent")
    assert relists(place) != listed


@pytest.mark.parametrize("mode", ["503", "close"])
def test_an_outage_is_waited_out(place: Landscape, row: Runtime, simulator: Simulator, mode: str) -> None:
    with observing(place):
        until(lambda: relists(place))
        simulator.outage(1.0, mode)
        simulator.drop_watches()
        until(lambda: driver_answers(place, row))
        until(lambda: situation(row) == "ready")


def test_a_landscape_heard_of_after_an_outage_may_be_asked_again_at_once(
    place: Landscape, row: Runtime, simulator: Simulator
) -> None:
    with observing(place):
        until(lambda: relists(place))
        simulator.outage(1.0)
        simulator.drop_watches()
        for _ in range(breaker.THRESHOLD):
            breaker.record_fault(place.pk, "no answer")
        Landscape.objects.filter(pk=place.pk).update(breaker_until=utcnow() + timedelta(hours=1))
        until(lambda: driver_answers(place, row))
        until(lambda: isinstance(budget.take(place.pk), budget.Allowed))


def driver_answers(place: Landscape, row: Runtime) -> bool:
    try:
        driver_of(place).ensure(cluster_of(row))
    except Exception:
        return False
    return True


def test_a_second_copy_stands_by_and_takes_over(place: Landscape, row: Runtime) -> None:
    with observing(place) as first:
        until(lambda: holder(place))
        before = holder(place)
        with observing(place):
            driver_of(place).ensure(cluster_of(row))
            until(lambda: situation(row) == "ready")
            assert holder(place) == before
            first.set()
            driver_of(place).ensure(cluster_of(row, hibernated=True))
            until(lambda: situation(row) == "ready" and row.status["hibernated"])


def test_a_lost_database_connection_is_made_anew_with_its_lock(place: Landscape, row: Runtime) -> None:
    with observing(place):
        before = until(lambda: holder(place))
        until(lambda: relists(place))
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [before])
        driver_of(place).ensure(cluster_of(row))
        until(lambda: situation(row) == "ready")
        assert holder(place) not in {None, before}


def test_landscapes_are_taken_up_and_left_while_it_runs(place: Landscape, row: Runtime, world: World) -> None:
    from threading import Event as Flag
    from threading import Thread

    stop = Flag()
    thread = Thread(target=watchers.observe, args=(stop,))
    thread.start()
    try:
        until(lambda: holder(place))
        late = landscape_row("late", kubeconfig=place.credentials_path)  # type: ignore[arg-type]
        until(lambda: holder(late))
        Landscape.objects.filter(pk=late.pk).delete()
        until(lambda: holder(late) is None)
        assert holder(place)
    finally:
        stop.set()
        thread.join(15)
    assert not thread.is_alive()


def test_a_landscape_with_unusable_credentials_does_not_end_the_observer(
    place: Landscape, row: Runtime
) -> None:
    good = place.credentials_path
    Landscape.objects.filter(pk=place.pk).update(credentials_path="/nonexistent")
    with observing(place):
        until(lambda: holder(place))
        Landscape.objects.filter(pk=place.pk).update(credentials_path=good)
        driver_of(replace_path(place, good)).ensure(cluster_of(row))
        until(lambda: situation(row) == "ready")


def replace_path(place: Landscape, path: str) -> Landscape:
    place.credentials_path = path
    return place


def test_orphans_are_printed_and_told_by_the_exit_code(
    place: Landscape, row: Runtime, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    from django.core.management import call_command

    driver = driver_of(place)
    driver.ensure(cluster_of(row))
    call_command("orphans")
    stray = runtime(world, place)
    driver.ensure(cluster_of(stray))
    name = stray.cluster_name
    Runtime.objects.filter(pk=stray.pk).delete()
    with pytest.raises(SystemExit) as ended:
        call_command("orphans")
    assert ended.value.code == 1
    printed = capsys.readouterr().out
    assert f"observed\t{name}" in printed
    assert row.cluster_name not in printed
    remove(driver, stray)
