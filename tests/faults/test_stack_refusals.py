"""Where the embedded stack can't start it says so in one line with the remedy, and exits with status 2."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.embedded.places import choose_places
from controlplane.embedded.record import Record

pytestmark = pytest.mark.faults


@pytest.fixture
def state(open_folder: Path) -> Path:
    return open_folder / "state"


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def refusal(state: Path, **environment: str) -> str:
    """Start the stack, see it refused, and return what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "controlplane.embedded", "up"],
        env=os.environ | {"STATE_DIR": str(state), "DATABASE_URL": ""} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "|" not in done.stdout  # nothing was started that had to be stopped again
    return done.stderr


def test_a_taken_port_names_a_free_one(state: Path, taken_port: int) -> None:
    said = refusal(state, PORT=str(taken_port))
    assert f"Port {taken_port} is taken by another program. Choose another: make demo PORT=" in said


def test_a_taken_simulator_port_that_was_asked_for_is_refused(state: Path, taken_port: int) -> None:
    said = refusal(state, PORT="", SIMULATOR_PORT=str(taken_port))
    assert f"Port {taken_port} is taken" in said
    assert "SIMULATOR_PORT=" in said


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1", "8000 8001"])
def test_what_is_no_port_is_refused(state: Path, port: str) -> None:
    assert "isn't a port. Give a number from 1 to 65535" in refusal(state, PORT=port)


def test_a_folder_that_cannot_be_written_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = refusal(tmp_path / "file" / "state")
    assert "Can't write in" in said
    assert "STATE_DIR=$HOME/.nesoi make demo" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "Can't write in" in refusal(tmp_path / "state")


def test_a_second_start_names_the_first(state: Path) -> None:
    state.mkdir()
    (state / "stack.json").write_text(json.dumps({"pid": 4711, "url": "http://127.0.0.1:8123"}))
    with (state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = refusal(state)
    assert "It runs already: http://127.0.0.1:8123 (process 4711)" in said
    assert f"`make stop STATE_DIR={state}` first" in said


def test_whoever_holds_the_lock_is_known_from_the_first_moment_on(state: Path) -> None:
    """Or `make stop` would end whoever has the process id of the last run by now."""
    state.mkdir()
    (state / "stack.json").write_text(json.dumps({"pid": 1, "state": "ready", "children": []}))
    record = Record(state)
    record.take()
    assert record.read() == {"pid": os.getpid(), "state": "starting", "children": []}
    assert record.is_taken()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may touch everything")
def test_somebody_elses_stack_is_left_alone(state: Path) -> None:
    state.mkdir()
    (state / "lock").touch(mode=0o400)
    done = subprocess.run(
        [sys.executable, "-m", "controlplane.embedded", "stop"],
        env=os.environ | {"STATE_DIR": str(state)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "is not ours to touch" in done.stderr


def test_a_half_made_database_is_refused_with_the_way_out(state: Path) -> None:
    places = choose_places(state)
    places.cluster.mkdir()
    places.user.owns(places.cluster)
    said = refusal(state)
    assert f"The database in {places.cluster} is half made or damaged" in said
    assert (
        f"`make clean STATE_DIR={state}` removes it" in said
    )  # without the folder it would remove another demo


def test_a_database_of_another_version_is_refused(state: Path) -> None:
    places = choose_places(state)
    (places.cluster / "global").mkdir(parents=True)
    (places.cluster / "global" / "pg_control").touch()
    (places.cluster / "PG_VERSION").write_text("16\n")
    places.user.owns(places.cluster)
    assert "is of PostgreSQL 16. This one is 18" in refusal(state)
