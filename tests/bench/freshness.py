"""How old a status is on the page: from the landscape's answer to a change of a cluster's health, to the page that shows it.

Readers ask for the runtime's page as a browser does: once whole, then for its live part as often as the page itself says, each
from a moment of its own. The clock starts before the change is sent, so the landscape's own time counts too.
"""

from __future__ import annotations

import random
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from statistics import median
from typing import Any

import requests

from tests.bench.rollout_ground import entry
from tests.plugins.simulator import SHOOTS
from tests.plugins.stack import Stack

NAMES = ("status_fresh_p99_seconds",)
GOAL = 2.0
RUNTIMES, CHANGES = 6, 25
LONGEST = 30.0
LIVE = re.compile(r'id="live"[^>]*?hx-get="([^"]+)" hx-trigger="every (\d+(?:\.\d+)?)s"')


def run() -> list[dict[str, Any]]:
    """The 99th of a hundred changes, in the order of how long they took to be seen."""
    stack = Stack(BUILD_SECONDS="1", LOG_LEVEL="WARNING")
    try:
        stack.start()
        orders = [stack.order(f"fresh-{number}") for number in range(RUNTIMES)]
        stack.wait_closed(orders, seconds=240)
        names = {
            shoot["metadata"]["labels"]["nesoi.dev/runtime"]: name for name, shoot in stack.shoots().items()
        }
        session = signed_in(stack)
        with ThreadPoolExecutor(RUNTIMES) as pool:
            watched = pool.map(lambda one: seen_after(stack, session, one[0], one[1]), sorted(names.items()))
            taken = sorted(seconds for found in watched for seconds in found)
    finally:
        stack.remove()
    p99 = taken[int(len(taken) * 0.99) - 1]
    detail = {
        "changes": len(taken),
        "median_seconds": round(median(taken), 2),
        "longest_seconds": round(taken[-1], 2),
        "readers": RUNTIMES,
        "page": "a runtime's, its live part asked for as often as the page says",
    }
    return [entry(NAMES[0], round(p99, 2), "seconds", GOAL, "most", detail)]


def signed_in(stack: Stack) -> requests.Session:
    """A browser's session of the first demo tenant's person."""
    browser, url = requests.Session(), stack.record["url"]
    page = browser.get(f"{url}/sign-in", timeout=30)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token
    person = next(one for one in stack.access["console"] if one["username"] == "alice")
    form = {
        "csrfmiddlewaretoken": token.group(1),
        "username": person["username"],
        "password": person["password"],
    }
    answer = browser.post(f"{url}/sign-in", data=form, headers={"Referer": f"{url}/sign-in"}, timeout=30)
    assert answer.url.rstrip("/") == url.rstrip("/"), answer.url
    return browser


def seen_after(stack: Stack, session: requests.Session, runtime: str, cluster: str) -> list[float]:
    """Change one cluster's health again and again; how long its page took to show each."""
    chance, taken = random.Random(cluster), []
    for number in range(CHANGES):
        word = f"Change {number} of {cluster}."
        reader = Reader(stack.record["url"], session.cookies.get_dict(), runtime, word, wait=chance.random())
        reader.ready.wait(LONGEST)
        changed = changed_health(stack, cluster, word, healthy=bool(number % 2))
        began = time.monotonic()
        stack.simulator("PUT", f"{SHOOTS}/{cluster}/status", changed)
        taken.append(reader.seen_at() - began)
    return taken


class Reader(threading.Thread):
    """Looks at one page until it says something."""

    def __init__(self, url: str, cookies: dict[str, str], runtime: str, word: str, *, wait: float) -> None:
        super().__init__(daemon=True)
        self.url, self.cookies, self.runtime, self.word, self.wait = url, cookies, runtime, word, wait
        self.ready, self.at = threading.Event(), 0.0
        self.start()

    def run(self) -> None:
        """Ask as the page says."""
        with requests.Session() as browser:
            browser.cookies.update(self.cookies)
            text = browser.get(f"{self.url}/runtimes/{self.runtime}/", timeout=30).text
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
