"""One process of the stack: what it is, and one running copy of it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from controlplane.embedded.database_user import DatabaseUser
from controlplane.embedded.deathwatch import dies_with_us


def at_once(_pid: int) -> bool:
    """Say of a service without a test of its own that it is ready as soon as it lives."""
    return True


@dataclass(frozen=True)
class Service:
    """A program to run: `is_ready` is asked with its process id; `once` means that it is expected to end.

    `stop_signal` asks it to end; after `grace_seconds` its whole process group is killed.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path = Path("/")
    user: DatabaseUser | None = None
    is_ready: Callable[[int], bool] = at_once
    stop_signal: int = signal.SIGTERM
    grace_seconds: float = 10
    once: bool = False


class Running:
    """One running copy of a service, alone in its process group, its output in our pipe."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.started_at = time.monotonic()
        self.process = launch(service, output=subprocess.PIPE)
        self.pid = self.process.pid
        if self.process.stdout is None:
            raise RuntimeError("a child without a pipe")
        self.output = self.process.stdout
        os.set_blocking(self.output.fileno(), False)
        self._kill_at: float | None = None

    def has_ended(self) -> bool:
        """Tell whether its main process ended."""
        return self.process.poll() is not None

    def is_ready(self) -> bool:
        """Tell whether it lives and does its work."""
        return not self.has_ended() and self.service.is_ready(self.pid)

    def how_it_ended(self) -> str:
        """Return its end in words."""
        code = self.process.returncode
        if code is not None and code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        return f"ended with status {code}"

    def ask_to_stop(self) -> None:
        """Send its stop signal, once, and set the time of its patience."""
        if self._kill_at is None:
            self._kill_at = time.monotonic() + self.service.grace_seconds
            if not self.has_ended():
                self.process.send_signal(self.service.stop_signal)

    def kill_if_late(self) -> bool:
        """Kill the group when its patience is over; tell whether that was needed."""
        if self._kill_at is None or time.monotonic() < self._kill_at or self.has_ended():
            return False
        self.kill_group()
        return True

    def kill_group(self) -> None:
        """Kill what is left of its process group: children outlive a main process that died at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: EPERM for a group of zombies
            os.killpg(self.pid, signal.SIGKILL)


def launch(service: Service, *, output: int) -> subprocess.Popen[bytes]:
    """Start a service in a session of its own, so that the terminal's Ctrl-C reaches only its supervisor."""
    as_user = service.user.as_keywords() if service.user else {}
    return subprocess.Popen(
        service.command,
        cwd=service.folder,
        env=dict(service.environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=dies_with_us(service.stop_signal),  # noqa: PLW1509 - we have one thread only
        **as_user,
    )
