"""A broker and workers as processes of their own, for what only real processes show: kills, stops, lost messages, speed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from controlplane.embedded.service import launch
from controlplane.embedded.valkey import Valkey

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_SECONDS = 60.0


class EngineStack:
    """A Valkey and any number of Celery processes against one database; `close` ends all of them."""

    def __init__(self, database_url: str, **environment: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="nesoi-engine-", dir="/tmp"))
        self.valkey = Valkey(self.folder, self.folder / "valkey.sock")
        self.step_log = self.folder / "steps"
        self.step_log.touch()
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "controlplane.config.settings",
            "DATABASE_URL": database_url,
            "BROKER_URL": self.valkey.broker_url,
            "CACHE_URL": "locmem://",
            "EMBEDDED": "true",
            "STEP_LOG": str(self.step_log),
            "LOG_FORMAT": "console",
            "PYTHONPATH": str(ROOT),
            **environment,
        }
        self.running: list[subprocess.Popen[bytes]] = []
        self.broker = self.start_broker()

    def start_broker(self) -> subprocess.Popen[bytes]:
        """Start Valkey and wait for its answer."""
        with (self.folder / "valkey.log").open("ab") as output:
            self.broker = launch(self.valkey.service(), output=output.fileno())
        self.running.append(self.broker)
        eventually(self.valkey.answers)
        return self.broker

    def flush(self) -> None:
        """Lose every message."""
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(self.valkey.socket))
            link.sendall(b"FLUSHALL\r\n")
            assert link.recv(16).startswith(b"+OK")

    def celery(self, *arguments: str, ready: str = "") -> subprocess.Popen[bytes]:
        """Start a Celery process, and wait until its log says `ready`."""
        return self.python("-m", "celery", "-A", "tests.engine_worker", *arguments, ready=ready)

    def python(self, *arguments: str, ready: str = "") -> subprocess.Popen[bytes]:
        """Start Python against this database and broker, and wait until its log says `ready`."""
        log = self.folder / f"{len(self.running)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.running.append(process)
        if ready:
            eventually(lambda: ready in log.read_text(errors="replace") or process.poll() is not None)
            assert process.poll() is None, log.read_text(errors="replace")[-2000:]
        return process

    def worker(self, concurrency: int = 2, *, beats: bool = False) -> subprocess.Popen[bytes]:
        """Start a worker and wait until it takes messages; one that `beats` spares a process that imports everything again."""
        options = [
            "--concurrency",
            str(concurrency),
            "--without-gossip",
            "--without-mingle",
            "--loglevel",
            "INFO",
            *(["--beat"] if beats else []),
        ]
        return self.celery("worker", *options, ready=" ready.")

    def beat(self) -> subprocess.Popen[bytes]:
        """Start the clock of the sweep."""
        return self.celery("beat", "--loglevel", "INFO", "--pidfile=")

    def steps(self) -> list[tuple[str, ...]]:
        """What steps noted: (operation, step, fence, attempt, begins or ends)."""
        return [tuple(line.split()) for line in self.step_log.read_text().splitlines()]

    def close(self) -> None:
        """End everything this started."""
        for process in self.running:
            kill_group(process)
        shutil.rmtree(self.folder, ignore_errors=True)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """kill -9 a process with its children, stopped ones too."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


def eventually(
    condition: Callable[[], bool],
    *,
    seconds: float = PATIENCE_SECONDS,
    every: float = 0.05,
    tail: Path | None = None,
) -> None:
    """Wait until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            words = tail.read_text(errors="replace")[-2000:] if tail else ""
            raise AssertionError(f"not within {seconds:.0f} s {words}")
        time.sleep(every)
