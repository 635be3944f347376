"""A whole embedded stack of a test's own: real processes, reached as a user reaches them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 90
# What the test run set for its own database must not reach the stack.
FORGOTTEN = {
    "DATABASE_URL",
    "DATABASE_POOL_SIZE",
    "CACHE_URL",
    "BROKER_URL",
    "EMBEDDED",
    "SECRET_KEY",
    "DEBUG",
}


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Answer:
    """What the REST API said."""

    status: int
    body: Any
    headers: dict[str, str]


class Stack:
    """One running stack in a folder of its own."""

    def __init__(self, **environment: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="nesoi-stack-"))
        self.folder.chmod(0o755)
        self.state = self.folder / "state"
        self.environment = {name: value for name, value in os.environ.items() if name not in FORGOTTEN}
        self.environment |= {
            "STATE_DIR": str(self.state),
            "PORT": str(free_port()),
            "SIMULATOR_PORT": str(free_port()),
            "DEMO_DATA": "0",
            "BUILD_SECONDS": "2",
            "LEASE_SECONDS": "20",  # a lease that nobody ends is waited out by more than one test
            "STEP_TIMEOUT_SECONDS": "12",
            "HELM_SECONDS": "8",
            "NO_COLOR": "1",
            **environment,
        }
        self.log = self.folder / "output.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.http = requests.Session()

    def start(self) -> None:
        """Start it and return when it is ready."""
        with self.log.open("ab") as output:
            command = [sys.executable, "-m", "controlplane.embedded", "up"]
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=output, stderr=output, start_new_session=True
            )
        self.eventually(self._is_ready, seconds=READY_SECONDS)
        self.hasten()

    def hasten(self) -> None:
        """Let the landscape remove quickly; it forgets that whenever it is started again."""
        self.simulator("PATCH", "/simulator/v1/settings", {"delete_seconds": 1.5})

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)

    def remove(self) -> None:
        """End it, and leave nothing of it on the disk."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        return bool(self.record.get("state") == "ready")

    @property
    def record(self) -> dict[str, Any]:
        """What the supervisor notes: url, children."""
        try:
            found: dict[str, Any] = json.loads((self.state / "stack.json").read_text())
        except (OSError, ValueError):
            return {}
        return found

    @property
    def access(self) -> dict[str, Any]:
        """The demo access for scripts."""
        found: dict[str, Any] = json.loads((self.state / "demo.json").read_text())
        return found

    def pid(self, name: str) -> int | None:
        """The process of one of the stack's services, or None while it is down."""
        return next(
            (child["pid"] for child in self.record.get("children", ()) if child["name"] == name), None
        )

    def kill(self, name: str) -> None:
        """kill -9 a service with its children, as the kernel would when memory runs out."""
        pid = self.pid(name)
        if pid is not None:
            os.killpg(os.getpgid(pid), signal.SIGKILL)

    def api(self, method: str, path: str, body: Any = None, *, token: str = "", **headers: str) -> Answer:
        """Ask the REST API as the first demo tenant, or as whom `token` speaks for."""
        token = token or self.access["tenants"][0]["token"]
        url = path if path.startswith("http") else f"{self.record['url']}/api/v1{path}"
        answer = self.http.request(
            method, url, json=body, headers={"Authorization": f"Bearer {token}", **headers}, timeout=30
        )
        kind = answer.headers.get("Content-Type", "")
        return Answer(
            answer.status_code, answer.json() if "json" in kind else answer.text, dict(answer.headers)
        )

    def order(self, name: str, **changes: Any) -> dict[str, Any]:
        """Request a runtime; the answer's body."""
        account = self.access["tenants"][0]["accounts"][0]
        wish = {"account": account, "name": name, "plan": "aws", "parameters": {"region": "eu-central-1"}}
        answer = self.api("POST", "/runtimes", {**wish, **changes})
        assert answer.status == 202, answer
        body: dict[str, Any] = answer.body
        return body

    def simulator(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the simulator's own admin endpoint."""
        ready = json.loads((self.state / "simulator" / "ready.json").read_text())
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        answer = requests.request(
            method,
            f"{ready['url']}{path}",
            json=body,
            headers={"Authorization": f"Bearer {ready['admin_token']}"},
            verify=False,
            timeout=30,
        )
        answer.raise_for_status()
        return answer.json()

    def shoots(self) -> dict[str, Any]:
        """What stands in the landscape now, by name."""
        path = "/apis/core.gardener.cloud/v1beta1/namespaces/garden-nesoi/shoots"
        return {item["metadata"]["name"]: item for item in self.simulator("GET", path)["items"]}

    def operation(self, body: dict[str, Any]) -> dict[str, Any]:
        """The operation of an accepted request as it is now."""
        answer = self.api("GET", f"/operations/{body['operation']['id']}")
        if answer.status == 503:
            raise requests.ConnectionError("the database is away for a moment")
        found: dict[str, Any] = answer.body
        return found

    def wait_closed(self, bodies: list[dict[str, Any]], *, seconds: float = 180) -> list[dict[str, Any]]:
        """Wait until all these operations ended."""
        closed: list[dict[str, Any]] = []

        def all_closed() -> bool:
            closed[:] = [self.operation(body) for body in bodies]
            return all(one["state"] in {"succeeded", "failed", "cancelled"} for one in closed)

        self.eventually(all_closed, seconds=seconds)
        return closed

    def eventually(self, condition: Callable[[], bool], *, seconds: float, every: float = 0.2) -> None:
        """Wait until the condition holds; connection errors mean not yet."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if condition():
                    return
            except requests.RequestException:
                pass
            if time.monotonic() > deadline:
                tail = self.log.read_text()[-4000:] if self.log.exists() else ""
                raise AssertionError(f"not within {seconds:.0f} s; the stack's last words:\n{tail}")
            time.sleep(every)


SHARED: list[Stack] = []  # the one that runs now, if any


@pytest.fixture
def stack() -> Stack:
    """A stack that tests in a row share, of other files too: to start one takes twenty seconds."""
    if not SHARED:
        running = Stack()
        SHARED.append(running)
        running.start()
    return SHARED[0]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
    """Remove it behind the last test in a row that asks for it, or when it did not start."""
    try:
        yield
    finally:
        wanted = nextitem is not None and "stack" in getattr(nextitem, "fixturenames", ())
        if SHARED and not (wanted and SHARED[0].record.get("state") == "ready"):
            SHARED.pop().remove()
