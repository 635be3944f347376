"""`make demo DETACH=1` and `make stop`: the whole embedded stack, from nothing to ready to nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.plugins.stack import FORGOTTEN, READY_SECONDS, ROOT, free_port

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.xdist_group("stack")]


class Demo:
    """A stack in a folder of its own."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.port = free_port()
        inherited = {name: value for name, value in os.environ.items() if name not in FORGOTTEN}
        self._environment = inherited | {
            "STATE_DIR": str(state),
            "PORT": str(self.port),
            "SIMULATOR_PORT": str(free_port()),
            "DETACH": "1",
        }

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "controlplane.embedded", command],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=READY_SECONDS,
            check=False,
        )

    @property
    def access(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.state / "demo.json").read_text())
        return found

    @property
    def log(self) -> str:
        return (self.state / "stack.log").read_text()

    def children(self) -> dict[str, int]:
        noted = json.loads((self.state / "stack.json").read_text())
        return {one["name"]: one["pid"] for one in noted["children"]}

    def processes(self) -> list[psutil.Process]:
        """Every living process that has our folder in its command line or environment."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                known = [*process.cmdline(), process.environ().get("STATE_DIR", "")]
                if (
                    any(str(self.state) in word for word in known)
                    and process.status() != psutil.STATUS_ZOMBIE
                ):
                    found.append(process)
        return found


@pytest.fixture(scope="module")
def demo(open_folder_of_module: Path) -> Iterator[Demo]:
    one = Demo(open_folder_of_module / "state")
    started = one.run("up")
    assert started.returncode == 0, started.stdout + started.stderr
    for step in ("database files", "PostgreSQL", "simulator", "tables, catalog, demo access"):
        assert re.search(rf"^  {step}: [0-9.]+ s$", started.stdout, re.MULTILINE), started.stdout
    assert re.search(r"Nesoi is ready \([0-9.]+ s\)", started.stdout)
    yield one
    one.run("stop")


def until(condition: Callable[[], Any], demo: Demo) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not condition():
        assert time.monotonic() < deadline, demo.log[-5000:]
        time.sleep(0.1)


def test_it_answers_at_the_address_that_it_tells(demo: Demo) -> None:
    assert demo.access["url"] == f"http://127.0.0.1:{demo.port}"
    with urllib.request.urlopen(f"{demo.access['url']}/readyz", timeout=10) as answer:
        assert answer.status == 200


def test_all_of_its_processes_run(demo: Demo) -> None:
    wanted = {"postgres", "valkey", "simulator", "web", "worker", "beat", "observer", "collector"}
    assert wanted <= demo.children().keys()
    status = demo.run("status")
    assert status.returncode == 0
    took = json.loads((demo.state / "stack.json").read_text())["ready_seconds"]
    assert took > 0
    assert f"Nesoi is ready after {took} s: {demo.access['url']}" in status.stdout


def test_the_demo_requests_its_runtimes_over_the_api(demo: Demo) -> None:
    until(lambda: "runtimes requested; the simulator builds them now" in demo.log, demo)


def test_a_second_start_is_refused(demo: Demo) -> None:
    again = demo.run("up")
    assert again.returncode == 2
    assert f"It runs already: {demo.access['url']}" in again.stdout


@pytest.mark.parametrize("name", ["valkey", "worker", "web", "simulator", "postgres"])
def test_what_is_killed_comes_back(demo: Demo, name: str) -> None:
    before = demo.children()[name]
    psutil.Process(before).kill()
    until(lambda: demo.children().get(name, before) != before, demo)
    assert re.search(rf"nesoi +\| {name} was killed by SIGKILL; starting it again", demo.log)
    until(lambda: answers(f"{demo.access['url']}/readyz"), demo)


def test_stopped_it_leaves_no_process_and_started_again_it_has_its_data(demo: Demo) -> None:
    access = demo.access
    stopped = demo.run("stop")
    assert stopped.returncode == 0
    until(lambda: not demo.processes(), demo)

    started = demo.run("up")
    assert started.returncode == 0, started.stdout + started.stderr
    assert demo.access == access


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
def test_killed_it_leaves_nothing_either_and_the_next_start_mends_what_is_left(demo: Demo) -> None:
    supervisor = json.loads((demo.state / "stack.json").read_text())["pid"]
    psutil.Process(supervisor).kill()
    until(lambda: not demo.processes(), demo)

    started = demo.run("up")
    assert started.returncode == 0, started.stdout + started.stderr


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
