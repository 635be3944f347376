"""The speed of the REST API: accepting a runtime against a bare insert, and a page of a small against one of a large fleet.

Both go through gunicorn as `make demo` starts it, with keep-alive, a real broker, and a PostgreSQL as durable as in production.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from tests.bench.apart import measured_apart

NAMES = ("accept_ratio", "list_growth")
GOAL_ACCEPT, GOAL_LIST = 0.35, 1.3
CLIENTS, BLOCKS, BLOCK = 4, 6, 160
SMALL, LARGE, PAGE, PAGES = 100, 10_000, 100, 300
MOST_STATEMENTS = 5
WARM_UP = 40


def run() -> list[dict[str, Any]]:
    """Return the entries `accept_ratio` and `list_growth`, measured in a process of its own."""
    return measured_apart("tests.bench.api", seconds=500)


def main() -> None:
    """Measure, and print the entries as one line of JSON."""
    with ExitStack() as cleanup:
        place = Place(cleanup)
        small = place.database_url
        tokens = json.loads(place.python("seed", small, "--clients", str(CLIENTS)))
        accept = _accept_ratio(place, small, tokens)
        print(accept, file=sys.stderr)
        place.python("fill", small, "--count", str(SMALL))
        large = place.copy_of("nesoi", "large")
        place.python("fill", large, "--count", str(LARGE))
        print(json.dumps([accept, _list_growth(place, small, large, tokens[0])]))


def _accept_ratio(place: Place, database: str, tokens: list[str]) -> dict[str, Any]:
    with place.web(database) as port:
        clients = [Client(port, token, number) for number, token in enumerate(tokens)]
        seconds = {"bare": 0.0, "order": 0.0}
        for block in range(BLOCKS + 1):  # the first warms up; they take turns, so a busy machine slows both
            for kind in ("order", "bare"):
                took = _block(clients, kind, WARM_UP if block == 0 else BLOCK)
                seconds[kind] += took if block else 0.0
    requests = BLOCKS * BLOCK
    ratio = seconds["bare"] / seconds["order"]
    detail = {
        "runtimes_per_second": round(requests / seconds["order"], 1),
        "bare_inserts_per_second": round(requests / seconds["bare"], 1),
        "clients": CLIENTS,
        "requests_each": requests,
    }
    return _entry("accept_ratio", ratio, GOAL_ACCEPT, "least", ratio >= GOAL_ACCEPT, detail)


def _block(clients: list[Client], kind: str, count: int) -> float:
    """Return how long the clients took for `count` requests together."""
    began = time.perf_counter()
    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(lambda client: client.repeat(kind, count // len(clients)), clients))
    return time.perf_counter() - began


def _list_growth(place: Place, small: str, large: str, token: str) -> dict[str, Any]:
    seconds: dict[str, list[float]] = {"small": [], "large": []}
    with place.web(small) as few, place.web(large) as many:
        clients = {"small": Client(few, token, 0), "large": Client(many, token, 0)}
        for number in range(WARM_UP + PAGES):
            for name, client in clients.items():
                began = time.perf_counter()
                found = client.ask("GET", f"/api/v1/runtimes?limit={PAGE}", None, 200)
                if number >= WARM_UP:
                    seconds[name].append(time.perf_counter() - began)
                assert len(found["results"]) == PAGE
    statements = [
        json.loads(place.python("count", database, "--token", token)) for database in (small, large)
    ]
    p95 = {name: quantiles(taken, n=20)[18] for name, taken in seconds.items()}
    ratio = p95["large"] / p95["small"]
    holds = ratio <= GOAL_LIST and statements[0] == statements[1] <= MOST_STATEMENTS
    detail = {
        "p95_ms": {name: round(taken * 1000, 2) for name, taken in p95.items()},
        "median_ms": {name: round(median(taken) * 1000, 2) for name, taken in seconds.items()},
        "statements": {"small": statements[0], "large": statements[1]},
        "runtimes": {"small": SMALL, "large": LARGE},
        "rows": PAGE,
    }
    return _entry("list_growth", ratio, GOAL_LIST, "most", holds, detail)


def _entry(
    name: str, value: float, goal: float, at: str, holds: bool, detail: dict[str, Any]
) -> dict[str, Any]:
    return {
        "name": name,
        "value": round(value, 3),
        "unit": "ratio",
        "goal": goal,
        "at": at,
        "holds": holds,
        "detail": detail,
    }


@dataclass
class Client:
    """One connection that is kept alive, of one tenant's token."""

    port: int
    token: str
    number: int
    sent: int = 0
    connection: HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = HTTPConnection("127.0.0.1", self.port, timeout=30)

    def repeat(self, kind: str, count: int) -> None:
        """Send that many requests one after the other."""
        for _ in range(count):
            self.sent += 1
            name = f"b{self.number}-{self.sent}"
            wish = {"account": "main", "name": name, "plan": "aws", "parameters": {"region": "eu-central-1"}}
            if kind == "bare":
                self.ask("POST", "/bare", wish, 201)
            else:
                self.ask("POST", "/api/v1/runtimes", wish, 202)

    def ask(self, method: str, path: str, body: Any, expected: int) -> Any:
        """Return the answer's JSON."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        self.connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = self.connection.getresponse()
        content = response.read()
        if response.status != expected:
            raise RuntimeError(f"{method} {path} answered {response.status}: {content[:500]!r}")
        return json.loads(content)


class Place:
    """A PostgreSQL, a Valkey and a folder of the benchmark's own; `cleanup` ends all of them."""

    def __init__(self, cleanup: ExitStack) -> None:
        from controlplane.embedded.database_user import database_user
        from controlplane.embedded.places import temporary_folder
        from controlplane.embedded.valkey import Valkey
        from tests.plugins.postgres import new_postgres

        user = database_user()
        self.folder = temporary_folder(user, prefix="nesoi-bench-")
        cleanup.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.postgres = new_postgres(self.folder, user)
        self.valkey = Valkey(self.folder, self.folder / "valkey.sock")
        for service in (self.postgres.service(durable=True), self.valkey.service()):
            self._start(cleanup, service)
        _eventually(lambda: self.postgres.is_ready() and self.valkey.answers())
        self.database_url = self.postgres.url

    def environment(self, database: str) -> dict[str, str]:
        """What the product's processes are started with."""
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "controlplane.config.settings",
            "DATABASE_URL": database,
            "BROKER_URL": self.valkey.broker_url,
            "CACHE_URL": "locmem://",
            "EMBEDDED": "true",
            "LOG_LEVEL": "WARNING",
        }

    def python(self, task: str, database: str, *arguments: str, module: str = "tests.bench.api_rows") -> str:
        """Run a module's task against a database, and return its last line."""
        command = [sys.executable, "-m", module, task, *arguments]
        done = subprocess.run(
            command, env=self.environment(database), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-3000:])
        return done.stdout.splitlines()[-1]

    def copy_of(self, source: str, name: str) -> str:
        """Copy a database, and return the copy's address."""
        import psycopg

        with psycopg.connect(self.database_url.replace(f"/{source}?", "/postgres?"), autocommit=True) as link:
            link.execute(f"CREATE DATABASE {name} TEMPLATE {source}")
        return self.database_url.replace(f"/{source}?", f"/{name}?")

    @contextmanager
    def web(self, database: str, **environment: str) -> Iterator[int]:
        """Serve the product from a database, with more of an environment; yields the port."""
        from tests.plugins.stack import free_port

        port = free_port()
        options = [
            "--workers",
            "2",
            "--worker-class",
            "gthread",
            "--threads",
            "8",
            "--preload",
            "--no-control-socket",
            "--keep-alive",
            "65",
        ]
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "tests.bench.api_server",
            "--bind",
            f"127.0.0.1:{port}",
            *options,
        ]
        output = self.folder / f"web-{port}.log"
        with output.open("wb") as log:
            process = subprocess.Popen(
                command, env={**self.environment(database), **environment}, stdout=log, stderr=log
            )
        try:
            _eventually(lambda: _answers(port), tail=output)
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)

    def _start(self, cleanup: ExitStack, service: Any) -> None:
        from controlplane.embedded.service import launch

        with (Path(self.folder) / f"{service.name}.log").open("wb") as log:
            process = launch(service, output=log.fileno())
        cleanup.callback(process.wait, 20)
        cleanup.callback(process.send_signal, service.stop_signal)


def _answers(port: int) -> bool:
    try:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False


def _eventually(condition: Any, *, seconds: float = 60, tail: Path | None = None) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"not within {seconds:.0f} s {tail.read_text()[-2000:] if tail else ''}")
        time.sleep(0.05)


if __name__ == "__main__":
    main()
