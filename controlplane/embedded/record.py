"""What a running stack notes, so that `stop`, `status` and the next start find it, even after a crash."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import psutil

from controlplane.embedded.problems import CannotStartError, make
from controlplane.embedded.service import Running

_SAME_START_SECONDS = 1.0


class Record:
    """The file `stack.json` and the lock beside it; one supervisor at a time holds the lock."""

    def __init__(self, state: Path) -> None:
        self._file = state / "stack.json"
        self._lock_file = state / "lock"
        self._lock: IO[str] | None = None

    def read(self) -> dict[str, Any]:
        """Return what was written last; empty when nothing was, or when it is no longer readable."""
        try:
            found = json.loads(self._file.read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def write(self, **changes: Any) -> None:
        """Change some of it, in one piece."""
        text = json.dumps(self.read() | changes, indent=2)
        beside = self._file.with_suffix(".new")
        beside.write_text(text + "\n")
        beside.replace(self._file)

    def write_children(self, running: Iterable[Running]) -> None:
        """Note the processes that run now."""
        self.write(children=[{"name": one.service.name, **_identity(one.pid)} for one in running])

    def take(self) -> None:
        """Take the lock for as long as this process lives, and note whose it is; raises CannotStartError when another has it."""
        self._lock = self._lock_file.open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            found = self.read()
            raise CannotStartError(
                f"It runs already: {found.get('url', 'starting')} (process {found.get('pid', 'unknown')}).",
                f"Open that address, or {make('stop')} first.",
            ) from error
        # At once: until then `stop` would find the process of the last run, by now perhaps somebody else's.
        self.write(pid=os.getpid(), state="starting")

    def is_taken(self) -> bool:
        """Tell whether a supervisor lives; raises PermissionError where somebody else's would."""
        try:
            with self._lock_file.open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except BlockingIOError:
            return True
        return False

    def leftovers(self) -> list[tuple[str, psutil.Process]]:
        """Return the processes that a supervisor left when it was killed: those noted and their groups."""
        found: list[tuple[str, psutil.Process]] = []
        children = [one for one in self.read().get("children", []) if isinstance(one, dict)]
        groups = {one["pid"]: one for one in children if _may_be(one)}
        for process in psutil.process_iter():
            try:
                child = groups.get(os.getpgid(process.pid))
                if child and process.create_time() > child["started"] - _SAME_START_SECONDS:
                    found.append((child["name"], process))
            except (psutil.Error, OSError):
                continue
        return found


def end(processes: list[psutil.Process], *, patience_seconds: float = 5) -> None:
    """End processes: SIGINT first, for PostgreSQL reads SIGTERM as "wait for all to leave"; then SIGKILL."""
    for number in (signal.SIGINT, signal.SIGKILL):
        for process in processes:
            try:
                process.send_signal(number)
            except psutil.Error:
                continue
        _gone, processes = psutil.wait_procs(processes, timeout=patience_seconds)


def wait_until_free(record: Record, *, timeout_seconds: float) -> bool:
    """Wait until no supervisor holds the lock."""
    deadline = time.monotonic() + timeout_seconds
    while record.is_taken():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _identity(pid: int) -> dict[str, Any]:
    try:
        return {"pid": pid, "started": psutil.Process(pid).create_time()}
    except psutil.Error:
        return {"pid": pid, "started": time.time()}


def _may_be(child: dict[str, Any]) -> bool:
    """Tell whether the noted id can still mean our group: it can't once a younger process has it."""
    try:
        return bool(abs(psutil.Process(child["pid"]).create_time() - child["started"]) < _SAME_START_SECONDS)
    except psutil.NoSuchProcess:
        return True
    except (psutil.Error, KeyError, TypeError):
        return False
