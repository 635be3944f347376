"""How old a status is on the page: from the landscape's answer to a change of a cluster's health, to the page that shows it.

Readers ask for the runtime's page as a browser does, its tenant's and the SREs' at the same time: once whole, then for its live
part as often as the page itself says, each from a moment of its own. The clock starts before the change is sent, so the
landscape's own time counts too. The slower page is the one that is reported; the fleet around stands still.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from statistics import median
from typing import Any

import requests

from tests.bench.filling import fill, order_first
from tests.bench.rollout_ground import entry
from tests.plugins.simulator import SHOOTS
from tests.plugins.stack import Stack

NAMES = ("status_fresh_p99_seconds",)
GOAL = 2.0
FLEET, RUNTIMES, CHANGES = 1_000, 6, 25
LONGEST = 30.0
PAGES = {"tenant": ("alice", "/runtimes/{}/"), "sre": ("sam", "/fleet/runtimes/{}/")}  # who looks at which
LIVE = re.compile(r'id="live"[^>]*?hx-get="([^"]+)" hx-trigger="every (\d+(?:\.\d+)?)s"')


def run() -> list[dict[str, Any]]:
    """The 99th of a hundred changes, in the order of how long they took to be seen, on the page where that is longer."""
    stack = Stack(BUILD_SECONDS="1", LOG_LEVEL="WARNING")
    try:
        stack.start()
        fill(stack, order_first(stack), FLEET)
        clusters = sorted(
            (shoot["metadata"]["labels"]["nesoi.dev/runtime"], name) for name, shoot in stack.shoots().items()
        )
        watched = clusters[:: max(1, len(clusters) // RUNTIMES)][:RUNTIMES]
        cookies = {page: signed_in(stack, who).cookies.get_dict() for page, (who, _) in PAGES.items()}
        with ThreadPoolExecutor(RUNTIMES) as pool:
            seen = list(pool.map(lambda one: seen_after(stack, cookies, *one), watched))
    finally:
        stack.remove()
    taken = {page: sorted(seconds[page] for found in seen for seconds in found) for page in PAGES}
    p99 = {page: nearest_rank(found, 99) for page, found in taken.items()}
    detail = {
        "p99_seconds": {page: round(one, 2) for page, one in p99.items()},
        "changes": RUNTIMES * CHANGES,
        "median_seconds": {page: round(median(found), 2) for page, found in taken.items()},
        "longest_seconds": {page: round(found[-1], 2) for page, found in taken.items()},
        "readers": RUNTIMES * len(PAGES),
        "runtimes": FLEET,
        "page": "a runtime's, of its tenant and of the SREs; the live part asked for as often as each page says",
    }
    return [entry(NAMES[0], round(max(p99.values()), 2), "seconds", GOAL, "most", detail)]


def nearest_rank(ordered: Sequence[float], percent: int) -> float:
    """Return the smallest value that so many percent of all do not exceed."""
    return ordered[-(-len(ordered) * percent // 100) - 1]


def signed_in(stack: Stack, who: str) -> requests.Session:
    """A browser's session of one of the demo's people."""
    browser, url = requests.Session(), stack.record["url"]
    page = browser.get(f"{url}/sign-in", timeout=30)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token
    person = next(one for one in stack.access["console"] if one["username"] == who)
    form = {
        "csrfmiddlewaretoken": token.group(1),
        "username": person["username"],
        "password": person["password"],
    }
    answer = browser.post(f"{url}/sign-in", data=form, headers={"Referer": f"{url}/sign-in"}, timeout=30)
    assert answer.status_code == 200, answer.url
    assert "/sign-in" not in answer.url, answer.url
    return browser


def seen_after(
    stack: Stack, cookies: Mapping[str, dict[str, str]], runtime: str, cluster: str
) -> list[dict[str, float]]:
    """Change one cluster's health again and again; how long each page took to show each."""
    chance, taken = random.Random(cluster), []
    for number in range(CHANGES):
        word = f"Change {number} of {cluster}."
        readers = {
            page: Reader(stack.record["url"], cookies[page], path.format(runtime), word, wait=chance.random())
            for page, (_, path) in PAGES.items()
        }
        for reader in readers.values():
            reader.ready.wait(LONGEST)
        changed = changed_health(stack, cluster, word, healthy=bool(number % 2))
        began = time.monotonic()
        stack.simulator("PUT", f"{SHOOTS}/{cluster}/status", changed)
        taken.append({page: reader.seen_at() - began for page, reader in readers.items()})
    return taken


class Reader(threading.Thread):
    """Looks at one page until it says something."""

    def __init__(self, url: str, cookies: dict[str, str], path: str, word: str, *, wait: float) -> None:
        super().__init__(daemon=True)
        self.url, self.cookies, self.path, self.word, self.wait = url, cookies, path, word, wait
        self.ready, self.at = threading.Event(), 0.0
        self.start()

    def run(self) -> None:
        """Ask as the page says."""
        with requests.Session() as browser:
            browser.cookies.update(self.cookies)
            text = browser.get(f"{self.url}{self.path}", timeout=30).text
            end, told, due = time.monotonic() + LONGEST, False, time.monotonic()
            while self.word not in text and time.monotonic() < end:
                found = LIVE.search(text)
                assert found, "the page has no live part"
                where, every = unescape(found.group(1)), float(found.group(2))
                if not told:  # the change may come at any moment between two questions
                    threading.Timer(every * self.wait, self.ready.set).start()
                    told = True
                due = max(due + every, time.monotonic())  # htmx asks at a pace, however long an answer takes
                time.sleep(due - time.monotonic() if due > time.monotonic() else 0)
                answer = browser.get(f"{self.url}{where}", headers={"HX-Request": "true"}, timeout=30)
                text = answer.text if answer.status_code == 200 else text
        self.at = time.monotonic()

    def seen_at(self) -> float:
        """When it did."""
        self.join(LONGEST + 5)
        return self.at or time.monotonic()


def changed_health(stack: Stack, cluster: str, word: str, *, healthy: bool) -> dict[str, Any]:
    """Return what the landscape is to report of a cluster: another health."""
    shoot: dict[str, Any] = stack.simulator("GET", f"{SHOOTS}/{cluster}")
    conditions = [
        one
        for one in shoot["status"].get("conditions", [])
        if one["type"] != "ObservabilityComponentsHealthy"
    ]
    shoot["status"]["conditions"] = [
        *conditions,
        {
            "type": "ObservabilityComponentsHealthy",
            "status": "Progressing" if healthy else "Unknown",
            "message": word,
        },
    ]
    return shoot
