"""A private RabbitMQ on loopback, as a machine's package has it: its own ports, data, cookie and port mapper, gone at the end."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import amqp
import pytest

from controlplane.embedded.service import Service, launch
from tests.plugins.stack import free_port

READY_SECONDS = 120.0
HOW_TO_GET_IT = "RabbitMQ is missing: `apt-get install --no-install-recommends rabbitmq-server` brings it."
# Past the distribution's wrapper, which changes to the user and the folders of a system service.
PLACES = ("/usr/lib/rabbitmq/bin", "/usr/local/sbin", "/opt/rabbitmq/sbin", "/opt/homebrew/sbin")


def server_program() -> str | None:
    """The script that starts a broker in the foreground as whoever calls it, or None where there is none."""
    path = os.pathsep.join([*PLACES, os.environ.get("PATH", "")])
    return shutil.which("rabbitmq-server", path=path) if shutil.which("epmd") else None


class RabbitMQ:
    """One broker in a folder of its own; kill, restart and empty it, and `close` it in the end."""

    def __init__(self, program: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="nesoi-rabbit-", dir="/tmp"))
        self.program = program
        self.port, mapper = free_port(), free_port()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ_")},
            "HOME": str(self.folder),
            "ERL_EPMD_PORT": str(mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"nesoi-{secrets.token_hex(4)}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            # Then its script becomes the broker, instead of waiting for it: whoever ends the one ends the other.
            "RUNNING_UNDER_SYSTEMD": "true",
            # One thread each: more of them cost a small machine time at the start.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +SDcpu 1:1 +SDio 1 +A 1",
        }
        (self.folder / "plugins").write_text("[].\n")
        (self.folder / "rabbitmq.conf").write_text("loopback_users = none\n")
        cookie = self.folder / ".erlang.cookie"
        cookie.write_text(secrets.token_hex(16))
        cookie.chmod(0o400)
        # In the foreground: the one that a broker starts for itself would outlive it.
        self._mapper = self._launch("epmd", shutil.which("epmd") or "epmd", "-port", str(mapper))
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address as BROKER_URL wants it."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def start(self) -> None:
        """Start it and wait until it takes a login."""
        self._server = self._launch("rabbitmq-server", self.program)
        deadline = time.monotonic() + READY_SECONDS
        while not self.answers():
            if self._server.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"RabbitMQ did not start: {self._last_words()}")
            time.sleep(0.1)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._server is not None:
            _kill_group(self._server)
            self._server = None

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """It listens and says nothing meanwhile."""
        assert self._server is not None
        os.killpg(self._server.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self._server.pid, signal.SIGCONT)

    def empty(self) -> None:
        """Lose every message, queue and exchange of a broker that is down."""
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    def connect(self) -> amqp.Connection:
        """A connection of a test's own."""
        link = amqp.Connection(f"127.0.0.1:{self.port}", "guest", "guest", connect_timeout=5)
        link.connect()
        return link

    def answers(self) -> bool:
        """Tell whether it takes a login."""
        try:
            self.connect().close()
        except (OSError, amqp.AMQPError):
            return False
        return True

    def close(self) -> None:
        """Leave nothing: no process, no file."""
        self.kill()
        _kill_group(self._mapper)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _launch(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        service = Service(
            name=name, command=command, environment=self.environment, folder=self.folder,
            stop_signal=signal.SIGKILL,
        )  # fmt: skip
        with (self.folder / f"{name}.log").open("ab") as output:
            return launch(service, output=output.fileno())

    def _last_words(self) -> str:
        return (self.folder / "rabbitmq-server.log").read_text(errors="replace")[-2000:]


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[RabbitMQ]:
    """One running broker for a whole file."""
    if (program := server_program()) is None:
        pytest.skip(HOW_TO_GET_IT)
    broker = RabbitMQ(program)
    try:
        broker.start()
        yield broker
    finally:
        broker.close()
