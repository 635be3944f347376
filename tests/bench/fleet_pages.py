"""The SREs' pages over a fleet of 10,000 runtimes against the same over one of 100, each in its own database.

Both fleets are in the middle of a rollout, with the usual trouble in proportion. Every page is asked for through gunicorn as
`make demo` starts it, the small and the large one by turns, so that a busy machine slows both.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from http.client import HTTPConnection, RemoteDisconnected
from statistics import median, quantiles
from typing import Any

from tests.bench.apart import measured_apart
from tests.bench.api import Place
from tests.bench.rollout_ground import entry

NAMES = ("fleet_page_growth",)
GOAL = 2.0
SMALL, LARGE = 100, 10_000
WARM_UP, PAGES = 5, 60
# What an SRE opens: each page, and the search for much, for little, for nothing.
PATHS = (
    "/fleet/", "/fleet/live", "/fleet/rollouts", "/fleet/rollouts/{rollout}/", "/fleet/rollouts/{rollout}/live",
    "/fleet/rollouts/{rollout}/targets", "/fleet/rollouts/{rollout}/targets?state=failed",
    "/fleet/rollouts/{rollout}/targets?q={name}", "/fleet/rollouts/{rollout}/targets?region=us-east-1",
    "/fleet/releases", "/fleet/releases/2026.10.1/", "/fleet/channels/regular",
    "/fleet/left-behind", "/fleet/left-behind?waived=yes", "/fleet/findings", "/fleet/runtimes", "/fleet/runtimes?q={name}",
    "/fleet/runtimes?q=r", "/fleet/runtimes?q=nowhere", "/fleet/runtimes?q={tenant}", "/fleet/runtimes?phase=failed",
    "/fleet/runtimes?kubernetes=1.33&region=us-east-1", "/fleet/runtimes?label=tier%3Dgold", "/runtimes/{runtime}/",
    "/fleet/runtimes/{runtime}/", "/fleet/runtimes/{runtime}/live", "/operations/{operation}/", "/operations/{operation}/live",
    "/fleet/rollouts/{rollout}/health", "/fleet/rollouts/new", "/fleet/rollouts/{draft}/", "/fleet/rollouts/{draft}/start",
    "/fleet/rollouts/{rollout}/targets?state=not_done", "/fleet/rollouts/{rollout}/targets?tenant={tenant}",
    "/fleet/rollouts/{rollout}/targets?signature=ERR_BROKEN", "/fleet/rollouts/{rollout}/targets?landscape=place-1&stage=1",
    "/fleet/rollouts/{rollout}/targets/retry?state=failed",
)  # fmt: skip


def run() -> list[dict[str, Any]]:
    """Return the entry, measured in a process of its own."""
    return measured_apart("tests.bench.fleet_pages", seconds=900)


def main() -> None:
    """Measure, and print the entry as one line of JSON."""
    with ExitStack() as cleanup:
        place = Place(cleanup)
        small = place.database_url
        session = json.loads(place.python("begin", small, module="tests.bench.fleet_rows"))
        large = place.copy_of("nesoi", "large")
        known = {
            "small": json.loads(
                place.python("grow", small, "--count", str(SMALL), module="tests.bench.fleet_rows")
            ),
            "large": json.loads(
                place.python("grow", large, "--count", str(LARGE), module="tests.bench.fleet_rows")
            ),
        }
        with place.web(small) as few, place.web(large) as many:
            readers = {
                "small": Reader(few, session, known["small"]),
                "large": Reader(many, session, known["large"]),
            }
            found = {path: _measure(readers, path) for path in PATHS}
    print(json.dumps([_entry(found, {name: known[name].pop("preview_seconds") for name in known})]))


def _measure(readers: dict[str, Reader], path: str) -> dict[str, Any]:
    seconds: dict[str, list[float]] = {"small": [], "large": []}
    for number in range(WARM_UP + PAGES):
        for name, reader in readers.items():
            took = reader.read(path)
            if number >= WARM_UP:
                seconds[name].append(took)
    p95 = {name: 1000 * quantiles(taken, n=20)[18] for name, taken in seconds.items()}
    line = {
        "growth": round(p95["large"] / p95["small"], 2),
        "p95_ms": {name: round(taken, 1) for name, taken in p95.items()},
        "median_ms": {name: round(1000 * median(taken), 1) for name, taken in seconds.items()},
        "bytes": {name: reader.read_bytes for name, reader in readers.items()},
    }
    print(path, line, file=sys.stderr)
    return line


def _entry(found: dict[str, dict[str, Any]], previewing: dict[str, str]) -> dict[str, Any]:
    worst = max(found, key=lambda path: found[path]["growth"])
    detail = {
        "worst": worst,
        "runtimes": {"small": SMALL, "large": LARGE},
        "each": PAGES,
        "pages": found,
        "not_a_page": {
            "what": "a preview that somebody presses for: it looks at every runtime that is selected",
            "cpu_seconds": previewing,
        },
    }
    return entry(NAMES[0], found[worst]["growth"], "ratio", GOAL, "most", detail)


class Reader:
    """A signed-in SRE's connection, kept alive."""

    def __init__(self, port: int, session: str, known: dict[str, str]) -> None:
        self.connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self.session, self.known = session, known
        self.read_bytes = 0  # of the page that was asked for last: a small fleet has less to show on some

    def read(self, path: str) -> float:
        """Ask for a page, and return the seconds until all of it was there."""
        where = path.format(**self.known)
        began = time.perf_counter()
        try:
            self.connection.request("GET", where, headers={"Cookie": f"sessionid={self.session}"})
            response = self.connection.getresponse()
        except (RemoteDisconnected, ConnectionError):  # it was kept alive for as long as the server does
            self.connection.close()
            return self.read(path)
        body = response.read()
        took = time.perf_counter() - began
        if response.status != 200:
            raise RuntimeError(f"{where} answered {response.status}: {body[:500]!r}")
        self.read_bytes = len(body)
        return took


if __name__ == "__main__":
    main()
