"""Observers are real processes here: killed in the middle, doubled, restarted; nothing is lost and nothing written twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection

from provisioner.landscapes.models import Landscape
from provisioner.runtimes.models import Runtime
from tests.plugins.simulator import Simulator
from tests.watching import cluster_of, driver_of, remove, runtime, situation, until
from tests.world import World
from tests.world import landscape as landscape_row

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.xdist_group("engine")]

ROOT = Path(__file__).resolve().parents[2]
MANY = 12
STARTS = 60.0  # seconds: a process that imports Django on a busy machine


@pytest.fixture
def place(world: World, simulator: Simulator) -> Landscape:
    return landscape_row("observed", kubeconfig=simulator.kubeconfig)


@pytest.fixture
def rows(world: World, place: Landscape) -> Iterator[list[Runtime]]:
    made = [runtime(world, place) for _ in range(MANY)]
    yield made
    for row in made:
        remove(driver_of(place), row)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    address, _, options = os.environ["DATABASE_URL"].partition("?")
    url = f"{address.rpartition('/')[0]}/{connection.settings_dict['NAME']}?{options}"
    started: list[subprocess.Popen[bytes]] = []

    def make() -> subprocess.Popen[bytes]:
        environment = {**os.environ, "DATABASE_URL": url, "BROKER_URL": "memory://"}
        log = (tmp_path / "observer.log").open("ab")
        process = subprocess.Popen(
            [sys.executable, "manage.py", "observe"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        log.close()
        started.append(process)
        return process

    yield make
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def all_ready(rows: list[Runtime]) -> bool:
    return all(situation(row) == "ready" for row in rows)


def test_an_observer_killed_in_the_middle_is_replaced_without_a_gap(
    place: Landscape, rows: list[Runtime], start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    first = start()
    until(lambda: Landscape.objects.get().relisted_at, STARTS)
    for row in rows[: MANY // 2]:
        driver_of(place).ensure(cluster_of(row))
    until(lambda: any(situation(row) for row in rows))
    os.kill(first.pid, signal.SIGKILL)
    first.wait(10)
    for row in rows[MANY // 2 :]:
        driver_of(place).ensure(cluster_of(row))
    start()
    until(lambda: all_ready(rows), STARTS)


def test_of_two_observers_one_writes_and_the_other_takes_over_when_it_dies(
    place: Landscape, rows: list[Runtime], start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    pair = [start(), start()]
    until(lambda: Landscape.objects.get().relisted_at, STARTS)
    driver_of(place).ensure(cluster_of(rows[0]))
    until(lambda: situation(rows[0]) == "ready")
    for process in pair:
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        pair.append(start())
        driver_of(place).ensure(cluster_of(rows[1]))
        until(lambda: situation(rows[1]) == "ready", STARTS)
        if len(pair) == 4:  # both of the first two are gone
            break


def test_an_observer_ends_when_asked_to(
    place: Landscape, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    process = start()
    until(lambda: Landscape.objects.get().relisted_at, STARTS)
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
