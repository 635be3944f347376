"""Collectors are real processes here: killed at any line, doubled, ended; nothing is counted twice and nothing is made up."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection

from billing.usage.models import Quarantined
from billing.usage.partitions import make_ahead
from provisioner.runtimes.models import Runtime
from tests.collecting import clusters_removed, grounded, runtime_with_cluster, samples
from tests.plugins.simulator import Simulator
from tests.watching import until
from tests.world import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.xdist_group("engine")]
ROOT = Path(__file__).resolve().parents[2]
STARTS = 60.0  # seconds: a process that imports Django on a busy machine
SLOT = 5
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def rows(world: World, simulator: Simulator) -> Iterator[list[Runtime]]:
    make_ahead()
    grounded(world, simulator)
    with clusters_removed(simulator), simulator.set(fill=0.5):
        yield [runtime_with_cluster(world, simulator, name) for name in ("one", "two")]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    address, _, options = os.environ["DATABASE_URL"].partition("?")
    url = f"{address.rpartition('/')[0]}/{connection.settings_dict['NAME']}?{options}"
    started: list[subprocess.Popen[bytes]] = []

    def make(*program: str, **more: str) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ, "DATABASE_URL": url, "BROKER_URL": "memory://", "USAGE_SLOT_SECONDS": str(SLOT), **more,
        }  # fmt: skip
        command = [sys.executable, *(program or ("manage.py", "collector"))]
        with (tmp_path / "collector.log").open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        started.append(process)
        return process

    yield make
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait(10)


def assert_sound() -> None:
    """Every sample once, none in doubt, none of a time that nobody proved."""
    found = samples()
    assert max(Counter((each["runtime"], each["slot"]) for each in found).values()) == 1
    assert [each.detail for each in Quarantined.objects.all()] == []
    assert len({each["epoch"] for each in found}) == 2


def test_killed_at_any_line_it_counts_nothing_twice(rows: list[Runtime], start: Start) -> None:
    lines, most = random.Random(4), (300, 1_000, 2_500, 2_500, 5_000, 5_000)
    deaths = ",".join(str(lines.randint(each // 4, each)) for each in most)
    assert start("-m", "tests.faults.dying_collector", DIES_AT=deaths).wait(len(most) * STARTS) == 0
    before = {each["slot"] for each in samples()}
    start()
    until(lambda: len({each["slot"] for each in samples(rows[0].pk)} - before) >= 2, seconds=STARTS)
    assert_sound()


def test_killed_whenever_another_goes_on_at_once(rows: list[Runtime], start: Start) -> None:
    first, second = start(), start()
    until(lambda: len(samples()) >= 2, seconds=STARTS)
    time.sleep(random.Random(7).uniform(0, 3))
    first.kill()
    first.wait(10)
    seen = {row.pk: len(samples(row.pk)) for row in rows}
    until(lambda: all(len(samples(row.pk)) >= seen[row.pk] + 2 for row in rows), seconds=STARTS)
    assert second.poll() is None
    assert_sound()


def test_ended_it_stores_what_it_has_read_and_leaves_cleanly(rows: list[Runtime], start: Start) -> None:
    process = start()
    until(lambda: len(samples()) >= 2, seconds=STARTS)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2")
        assert cursor.fetchone() == (0,)
    assert_sound()
