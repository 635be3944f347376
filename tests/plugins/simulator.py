"""The embedded landscape as a fixture: one process for the whole run, forgetful and fast.

`simulator` is shared: leave its settings as you found them (`with simulator.set(...)` puts them back). A test that kills it
or needs a state of its own takes `simulator_factory`.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0
SHOOTS = "/apis/core.gardener.cloud/v1beta1/namespaces/garden-nesoi/shoots"


def a_shoot(name: str, **spec: Any) -> dict[str, Any]:
    """Return a small Shoot on AWS; `spec` replaces its parts."""
    pool = {
        "name": "main",
        "machine": {"type": "m6i.large"},
        "minimum": 1,
        "maximum": 3,
        "zones": ["eu-central-1a"],
    }
    return {
        "apiVersion": "core.gardener.cloud/v1beta1",
        "kind": "Shoot",
        "metadata": {"name": name, "namespace": "garden-nesoi"},
        "spec": {
            "cloudProfile": {"name": "aws"},
            "credentialsBindingName": "aws",
            "region": "eu-central-1",
            "provider": {"type": "aws", "workers": [pool]},
            "networking": {"type": "calico", "nodes": "10.250.0.0/16"},
            "kubernetes": {"version": "1.34.8"},
            **spec,
        },
    }


class Simulator:
    """A running `python -m provisioner.simulator`; times are seconds."""

    def __init__(self, folder: Path, *, in_memory: bool = True, speed: str = "fast", port: int = 0) -> None:
        self.folder = folder
        self.in_memory = in_memory
        self.speed = speed
        self.port = port
        self.url = self.admin_token = ""
        self.kubeconfig = self.ca = Path()
        self.process: subprocess.Popen[str] | None = None
        self._context: ssl.SSLContext | None = None

    @property
    def pid(self) -> int:
        """Return the id of its process."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> Simulator:
        """Start it (on the port it had before, if it ran before) and wait until it serves."""
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        command = [
            sys.executable,
            "-m",
            "provisioner.simulator",
            "--state",
            str(self.folder),
            "--port",
            str(self.port),
        ]
        command += [
            "--speed",
            self.speed,
            "--ready-file",
            str(ready),
            *(["--in-memory"] if self.in_memory else []),
        ]
        log = (self.folder / "log").open("a")
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, text=True)
        log.close()
        deadline = time.monotonic() + START_SECONDS
        while not ready.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(
                    f"the simulator did not start: {(self.folder / 'log').read_text()[-2000:]}"
                )
            time.sleep(0.02)
        facts = json.loads(ready.read_text())
        self.url, self.port, self.admin_token = facts["url"], facts["port"], facts["admin_token"]
        self.kubeconfig, self.ca = Path(facts["kubeconfig"]), Path(facts["ca"])
        self._context = ssl.create_default_context(cafile=self.ca)
        return self

    def stop(self) -> None:
        """End it as a supervisor would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, number)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Make one request as the garden's admin; returns the parsed answer, raises urllib's HTTPError."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        request.add_header("Authorization", f"Bearer {self.admin_token}")
        request.add_header("Content-Type", "application/json")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        with urllib.request.urlopen(request, context=self._context, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def create_shoot(self, name: str, *, wait: bool = True, **spec: Any) -> dict[str, Any]:
        """Create a Shoot, and wait until it is built."""
        self.call("POST", SHOOTS, a_shoot(name, **spec))
        return self.wait_for(name) if wait else self.shoot(name)

    def shoot(self, name: str) -> dict[str, Any]:
        """Return a Shoot."""
        found: dict[str, Any] = self.call("GET", f"{SHOOTS}/{name}")
        return found

    def patch_shoot(self, name: str, patch: dict[str, Any]) -> dict[str, Any]:
        """Merge a patch into a Shoot."""
        kind = "application/merge-patch+json"
        found: dict[str, Any] = self.call("PATCH", f"{SHOOTS}/{name}", patch, Content_Type=kind)
        return found

    def wait_for(self, name: str, state: str = "Succeeded", seconds: float = 20.0) -> dict[str, Any]:
        """Wait until a Shoot's newest generation has reached a state."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.shoot(name)
            status = found.get("status") or {}
            seen = status.get("observedGeneration") == found["metadata"]["generation"]
            if seen and status["lastOperation"]["state"] == state:
                return found
            assert time.monotonic() < deadline, f"{name} is not {state}: {status.get('lastOperation')}"
            time.sleep(0.02)

    def delete_shoot(self, name: str, seconds: float = 20.0) -> None:
        """Confirm, delete, and wait until it is gone."""
        self.patch_shoot(
            name, {"metadata": {"annotations": {"confirmation.gardener.cloud/deletion": "true"}}}
        )
        self.call("DELETE", f"{SHOOTS}/{name}")
        deadline = time.monotonic() + seconds
        while any(each["metadata"]["name"] == name for each in self.call("GET", SHOOTS)["items"]):
            assert time.monotonic() < deadline, f"{name} is still there"
            time.sleep(0.02)

    def kubeconfig_of(self, name: str, role: str = "admin", seconds: int = 600) -> Path:
        """Mint a kubeconfig for a Shoot's own API; returns the file."""
        request = {"spec": {"expirationSeconds": seconds}}
        answer = self.call("POST", f"{SHOOTS}/{name}/{role}kubeconfig", request)
        path = self.folder / f"{name}-{role}.yaml"
        path.write_bytes(base64.b64decode(answer["status"]["kubeconfig"]))
        return path

    def settings(self, **patch: Any) -> dict[str, Any]:
        """Turn knobs (see provisioner/simulator/settings.py); returns all of them."""
        found: dict[str, Any] = self.call("PATCH", "/simulator/v1/settings", patch)
        return found

    @contextmanager
    def set(self, **patch: Any) -> Iterator[None]:
        """Turn knobs for a while."""
        before = self.call("GET", "/simulator/v1/settings")
        self.settings(**patch)
        try:
            yield
        finally:
            self.settings(**{name: before[name] for name in patch})

    def outage(self, seconds: float, mode: str = "503") -> None:
        """Go dark: every API answers 503, hangs or closes; zero seconds ends it."""
        self.call("POST", "/simulator/v1/outage", {"seconds": seconds, "mode": mode})

    def stats(self) -> dict[str, Any]:
        """Return its counters."""
        found: dict[str, Any] = self.call("GET", "/simulator/v1/stats")
        return found

    def compact(self) -> None:
        """Make every older resourceVersion answer 410."""
        self.call("POST", "/simulator/v1/compact", {})

    def drop_watches(self) -> None:
        """End every open watch."""
        self.call("POST", "/simulator/v1/drop-watches", {})


SimulatorFactory = Callable[..., Simulator]


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    """One fast, forgetful landscape for the whole run."""
    with tempfile.TemporaryDirectory(prefix="nesoi-simulator-") as folder:
        running = Simulator(Path(folder)).start()
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture
def simulator_factory(tmp_path: Path) -> Iterator[SimulatorFactory]:
    """Start landscapes of a test's own: `simulator_factory(in_memory=False)`."""
    started: list[Simulator] = []

    def make(**options: Any) -> Simulator:
        folder = tmp_path / f"simulator-{len(started)}"
        folder.mkdir()
        found = Simulator(folder, **options)
        started.append(found)
        return found.start()

    yield make
    for each in started:
        each.kill()
