"""The supervisor of the embedded stack starts, restarts and stops, and leaves no process."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from controlplane.embedded.journal import Journal
from controlplane.embedded.problems import CannotStartError
from controlplane.embedded.service import Service
from controlplane.embedded.supervisor import StopAsked, Supervisor

pytestmark = pytest.mark.faults
_PATIENCE_SECONDS = 15


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def supervisor(said: io.StringIO) -> Iterator[Supervisor]:
    one = Supervisor(Journal(None, terminal=said))
    yield one
    one.stop_all()


def shell(name: str, script: str, **more: object) -> Service:
    return Service(name=name, command=("/bin/sh", "-c", script), environment=dict(os.environ), **more)  # type: ignore[arg-type]


def until(supervisor: Supervisor, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        supervisor.tick()


def has_gone(process: psutil.Process) -> bool:
    """Tell whether it ends within a moment; what nobody reaps counts as gone."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def children() -> list[psutil.Process]:
    return [one for one in psutil.Process().children(recursive=True) if one.status() != psutil.STATUS_ZOMBIE]


def test_stopping_ends_children_and_grandchildren(supervisor: Supervisor, tmp_path: Path) -> None:
    before = children()
    note = tmp_path / "grandchild"
    supervisor.start(shell("parent", f"sleep 300 & echo $! > {note}; exec sleep 300"))
    until(supervisor, lambda: note.exists() and bool(note.read_text().strip()))
    grandchild = psutil.Process(int(note.read_text()))

    supervisor.stop_all()

    assert children() == before
    assert has_gone(grandchild)


def test_a_killed_child_is_started_again_and_that_is_said(
    supervisor: Supervisor, said: io.StringIO, tmp_path: Path
) -> None:
    supervisor.settled = True
    note = tmp_path / "starts"
    supervisor.start(shell("worker", f"echo $$ >> {note}; exec sleep 300"))
    until(supervisor, lambda: note.exists() and len(note.read_text().split()) == 1)

    os.kill(int(note.read_text()), signal.SIGKILL)
    until(supervisor, lambda: len(note.read_text().split()) == 2)

    assert "worker was killed by SIGKILL; starting it again in 0.5 s" in said.getvalue()


def test_pauses_between_restarts_grow(supervisor: Supervisor, said: io.StringIO) -> None:
    supervisor.settled = True
    supervisor.start(shell("worker", "exit 3"))
    until(supervisor, lambda: "starting it again in 1 s" in said.getvalue())
    assert said.getvalue().index("again in 0.5 s") < said.getvalue().index("again in 1 s")
    assert "worker ended with status 3" in said.getvalue()


def test_a_child_that_ignores_its_stop_signal_is_killed(supervisor: Supervisor, said: io.StringIO) -> None:
    supervisor.start(
        shell("deaf", "trap '' TERM; echo deaf now; while :; do sleep 0.1; done", grace_seconds=0.3)
    )
    until(supervisor, lambda: "deaf now" in said.getvalue())

    supervisor.stop_all()

    assert "deaf did not stop in time and was killed" in said.getvalue()
    assert "deaf" not in supervisor


def test_one_that_keeps_failing_at_the_start_ends_the_start_with_its_last_words(
    supervisor: Supervisor,
) -> None:
    supervisor.start(shell("web", "echo no such module; exit 1", is_ready=lambda _pid: False))
    with pytest.raises(CannotStartError, match=r"web ended with status 1\. Its last words: no such module"):
        supervisor.wait_ready("web", timeout_seconds=_PATIENCE_SECONDS)


def test_a_task_that_ends_badly_ends_the_start(supervisor: Supervisor) -> None:
    supervisor.start(shell("prepare", "echo the table is missing; exit 1", once=True))
    with pytest.raises(CannotStartError, match="the table is missing"):
        supervisor.wait_done("prepare", timeout_seconds=_PATIENCE_SECONDS)


def test_a_task_that_ends_well_is_not_started_again(supervisor: Supervisor, said: io.StringIO) -> None:
    supervisor.start(shell("prepare", "echo all there", once=True))
    supervisor.wait_done("prepare", timeout_seconds=_PATIENCE_SECONDS)
    supervisor.tick()
    assert "prepare" not in supervisor
    assert said.getvalue().count("all there") == 1


def test_a_task_that_dies_behind_the_start_is_tried_again_and_that_is_said(
    supervisor: Supervisor, said: io.StringIO, tmp_path: Path
) -> None:
    supervisor.settled = True
    note = tmp_path / "tries"
    supervisor.start(shell("demo", f"echo x >> {note}; [ $(wc -l < {note}) -ge 2 ]", once=True))
    supervisor.wait_done("demo", timeout_seconds=_PATIENCE_SECONDS)
    assert "demo ended with status 1; starting it again in 0.5 s" in said.getvalue()
    assert note.read_text().split() == ["x", "x"]


def test_a_task_that_dies_every_time_is_given_up(
    supervisor: Supervisor, said: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controlplane.embedded.supervisor._PAUSES_SECONDS", (0.01,))
    supervisor.settled = True
    supervisor.start(shell("demo", "exit 1", once=True))
    until(
        supervisor, lambda: "demo ended with status 1, 5 times: the next start tries again" in said.getvalue()
    )
    assert said.getvalue().count("starting it again") == 4
    assert "demo" not in supervisor


def test_sigterm_is_noticed(supervisor: Supervisor) -> None:
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        supervisor.take_signals()
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(StopAsked):
            until(supervisor, lambda: False)
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
def test_a_killed_supervisor_leaves_no_child(tmp_path: Path) -> None:
    program = (
        "import sys; from controlplane.embedded.journal import Journal;"
        "from controlplane.embedded.service import Service; from controlplane.embedded.supervisor import Supervisor;"
        "one = Supervisor(Journal(None)); one.start(Service(name='child', command=('sleep', '300')));"
        "print(next(iter(one._running.values())).pid, flush=True); one.watch()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        child = psutil.Process(int(process.stdout.readline()))
        process.kill()
    assert has_gone(child)
