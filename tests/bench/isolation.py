"""What row-level security costs: a page of runtimes as `nesoi_web` against the same page as the tables' owner.

Two web servers of one database answer in turns. The one without asks as the product did before it had roles: no transaction
around reads, no scope, and the token looked up without a function of the database; the owner's policy lets every row pass.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from statistics import median
from typing import Any

from tests.bench.apart import measured_apart
from tests.bench.api import PAGE, WARM_UP, Client, Place

NAMES = ("isolation_cost",)
GOAL = 1.10
RUNTIMES, PAGES = 1_000, 600


def run() -> list[dict[str, Any]]:
    """Return the entry `isolation_cost`, measured in a process of its own."""
    return measured_apart("tests.bench.isolation", seconds=300)


def main() -> None:
    """Measure, and print the entry as one line of JSON."""
    with ExitStack() as cleanup:
        place = Place(cleanup)
        database = place.database_url
        token = json.loads(place.python("seed", database, "--clients", "1"))[0]
        with place.web(database) as port:
            Client(port, token, 0).repeat("order", 1)
        place.python("fill", database, "--count", str(RUNTIMES))
        print(json.dumps([_cost(place, database, token)]))


def _cost(place: Place, database: str, token: str) -> dict[str, Any]:
    seconds: dict[str, list[float]] = {"with": [], "without": []}
    web, owner = {"DATABASE_ROLE": "nesoi_web"}, {"WITHOUT_ISOLATION": "1"}
    with place.web(database, **web) as isolated, place.web(database, **owner) as bare:
        clients = {"with": Client(isolated, token, 0), "without": Client(bare, token, 0)}
        for number in range(WARM_UP + PAGES):
            for name, client in clients.items():
                began = time.perf_counter()
                found = client.ask("GET", f"/api/v1/runtimes?limit={PAGE}", None, 200)
                if number >= WARM_UP:
                    seconds[name].append(time.perf_counter() - began)
                assert len(found["results"]) == PAGE
    # The middle of the quotients of neighbours: whatever slows the machine for a moment slows both.
    ratio = median(one / other for one, other in zip(seconds["with"], seconds["without"], strict=True))
    detail = {
        "median_ms": {name: round(median(taken) * 1000, 3) for name, taken in seconds.items()},
        "runtimes": RUNTIMES,
        "rows": PAGE,
        "pages_each": PAGES,
    }
    return {
        "name": "isolation_cost",
        "value": round(ratio, 3),
        "unit": "ratio",
        "goal": GOAL,
        "at": "most",
        "holds": ratio <= GOAL,
        "detail": detail,
    }


if __name__ == "__main__":
    main()
