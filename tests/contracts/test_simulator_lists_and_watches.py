"""Lists come in pages, watches resume, and what is too old says so."""

from __future__ import annotations

import http.client
import json
import math
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit

import pytest

from tests.plugins.simulator import Simulator, SimulatorFactory

SPACE = "/api/v1/namespaces/garden-nesoi"
MAPS = f"{SPACE}/configmaps"


def make(simulator: Simulator, name: str, **labels: str) -> dict[str, Any]:
    """Create a ConfigMap."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}}
    found: dict[str, Any] = simulator.call("POST", MAPS, body)
    return found


@contextmanager
def watching(simulator: Simulator, path: str = MAPS, **query: Any) -> Iterator[Iterator[dict[str, Any]]]:
    """Open a watch; yields its events."""
    address = urlsplit(simulator.url)
    context = ssl.create_default_context(cafile=simulator.ca)
    connection = http.client.HTTPSConnection(str(address.hostname), address.port, context=context, timeout=10)
    words = {"watch": "1", "timeoutSeconds": 8, **query}
    connection.request(
        "GET", f"{path}?{urlencode(words)}", headers={"Authorization": f"Bearer {simulator.admin_token}"}
    )
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    try:
        yield (json.loads(line) for line in iter(answer.readline, b""))
    finally:
        connection.close()


def test_pages_hold_everything_once(simulator: Simulator) -> None:
    names = {make(simulator, f"page-{index:02d}", set="pages")["metadata"]["name"] for index in range(25)}
    seen: list[str] = []
    token, versions = "", set()
    while True:
        page = simulator.call(
            "GET", f"{MAPS}?{urlencode({'labelSelector': 'set=pages', 'limit': 10, 'continue': token})}"
        )
        seen += [each["metadata"]["name"] for each in page["items"]]
        versions.add(page["metadata"]["resourceVersion"])
        token = page["metadata"].get("continue", "")
        if not token:
            break
        assert len(page["items"]) == 10
    assert sorted(names) == seen
    assert len(versions) == 1


def test_a_page_after_compaction_is_gone(simulator: Simulator) -> None:
    for index in range(3):
        make(simulator, f"old-page-{index}")
    token = simulator.call("GET", f"{MAPS}?limit=1")["metadata"]["continue"]
    make(simulator, "old-page-later")
    simulator.compact()
    with pytest.raises(HTTPError) as caught:
        simulator.call("GET", f"{MAPS}?{urlencode({'limit': 1, 'continue': token})}")
    assert caught.value.code == 410
    assert json.loads(caught.value.read())["reason"] == "Expired"


def test_a_watch_resumes_where_the_last_one_ended(simulator: Simulator) -> None:
    version = make(simulator, "resume-1")["metadata"]["resourceVersion"]
    make(simulator, "resume-2")
    simulator.call("DELETE", f"{MAPS}/resume-1")
    with watching(simulator, resourceVersion=version) as events:
        first, second = next(events), next(events)
    assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", "resume-2")
    assert (second["type"], second["object"]["metadata"]["name"]) == ("DELETED", "resume-1")
    assert int(second["object"]["metadata"]["resourceVersion"]) > int(
        first["object"]["metadata"]["resourceVersion"]
    )


def test_a_watch_whose_time_ends_while_it_is_far_behind_says_so_instead_of_skipping(
    simulator_factory: SimulatorFactory,
) -> None:
    simulator = simulator_factory()
    make(simulator, "long")

    def write(times: int) -> None:
        for number in range(times):
            patch = {"data": {"text": f"{number:06d}" * 16_000}}
            simulator.call("PATCH", f"{MAPS}/long", patch, Content_Type="application/merge-patch+json")

    began = time.monotonic()
    write(20)
    far = 700  # more than a connection's buffers and the kept history hold; nobody reads meanwhile
    enough = 1 + math.ceil((time.monotonic() - began) * far / 20)
    with watching(simulator, timeoutSeconds=enough, allowWatchBookmarks="true") as events:
        next(events)
        write(far)
        *_, last = events
    assert last["type"] == "ERROR"
    assert last["object"]["code"] == 410


def test_a_watch_from_before_compaction_is_gone(simulator: Simulator) -> None:
    version = make(simulator, "compacted-1")["metadata"]["resourceVersion"]
    make(simulator, "compacted-2")
    simulator.compact()
    with pytest.raises(HTTPError) as caught:
        simulator.call("GET", f"{MAPS}?watch=1&resourceVersion={version}")
    assert caught.value.code == 410


def test_a_watch_with_a_selector_sees_objects_come_and_leave(simulator: Simulator) -> None:
    version = make(simulator, "moving", colour="red")["metadata"]["resourceVersion"]
    kind = "application/merge-patch+json"
    with watching(simulator, resourceVersion=version, labelSelector="colour=blue") as events:
        for colour in ("blue", "red"):
            simulator.call(
                "PATCH", f"{MAPS}/moving", {"metadata": {"labels": {"colour": colour}}}, Content_Type=kind
            )
        assert [next(events)["type"], next(events)["type"]] == ["ADDED", "DELETED"]


def test_an_object_that_leaves_a_selector_is_told_as_it_was_under_the_new_version(
    simulator: Simulator,
) -> None:
    version = make(simulator, "leaving", shape="round")["metadata"]["resourceVersion"]
    kind = "application/merge-patch+json"
    with watching(simulator, resourceVersion=version, labelSelector="shape=round") as events:
        patch = {"metadata": {"labels": {"shape": None}}, "data": {"new": "content"}}
        now = simulator.call("PATCH", f"{MAPS}/leaving", patch, Content_Type=kind)
        event = next(events)
    left = event["object"]
    assert (event["type"], left["metadata"]["labels"], left.get("data")) == (
        "DELETED",
        {"shape": "round"},
        None,
    )
    assert left["metadata"]["resourceVersion"] == now["metadata"]["resourceVersion"] != version


def test_a_watch_that_asks_for_bookmarks_ends_with_one(simulator: Simulator) -> None:
    version = make(simulator, "marked")["metadata"]["resourceVersion"]
    with watching(simulator, resourceVersion=version, allowWatchBookmarks="true", timeoutSeconds=1) as events:
        last = list(events)[-1]
    assert last["type"] == "BOOKMARK"
    assert int(last["object"]["metadata"]["resourceVersion"]) >= int(version)


def test_initial_events_end_with_a_marked_bookmark(simulator: Simulator) -> None:
    make(simulator, "initial")
    query = {
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
    }
    with watching(simulator, **query) as events:
        for event in events:
            if event["type"] == "BOOKMARK":
                break
            assert event["type"] == "ADDED"
    assert event["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_dropped_watches_end_at_once(simulator: Simulator) -> None:
    version = make(simulator, "dropping")["metadata"]["resourceVersion"]
    with watching(simulator, resourceVersion=version) as events:
        simulator.drop_watches()
        assert list(events) == []


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"{MAPS}?limit=many", 400),
        (f"{MAPS}?continue=nonsense", 400),
        (f"{MAPS}?labelSelector=a%20b%20c", 400),
        (f"{MAPS}?fieldSelector=name", 400),
        (f"{MAPS}?resourceVersion=new", 400),
        (f"{MAPS}?resourceVersion=99999999999", 504),
        (f"{SPACE}/nothings", 404),
        ("/apis/nowhere/v1/things", 404),
    ],
)
def test_bad_questions_get_a_status(simulator: Simulator, path: str, code: int) -> None:
    with pytest.raises(HTTPError) as caught:
        simulator.call("GET", path)
    assert caught.value.code == code
    assert json.loads(caught.value.read())["kind"] == "Status"


@pytest.mark.parametrize(
    ("method", "path", "kind", "code"),
    [
        ("POST", MAPS, "text/plain", 415),
        ("PATCH", f"{MAPS}/shape", "application/json", 415),
        ("PATCH", MAPS, "application/merge-patch+json", 405),
        ("PUT", MAPS, "application/json", 405),
        ("POST", f"{MAPS}/shape", "application/json", 405),
    ],
)
def test_bad_ways_to_write_get_a_status(
    simulator: Simulator, method: str, path: str, kind: str, code: int
) -> None:
    with pytest.raises(HTTPError) as caught:
        simulator.call(method, path, {"metadata": {"name": "shape"}}, Content_Type=kind)
    assert caught.value.code == code


def test_a_stale_write_is_a_conflict(simulator: Simulator) -> None:
    old = make(simulator, "stale")
    fresh = simulator.call("PUT", f"{MAPS}/stale", {**old, "data": {"a": "1"}})
    assert fresh["metadata"]["resourceVersion"] != old["metadata"]["resourceVersion"]
    with pytest.raises(HTTPError) as caught:
        simulator.call("PUT", f"{MAPS}/stale", {**old, "data": {"a": "2"}})
    assert caught.value.code == 409
    assert json.loads(caught.value.read())["reason"] == "Conflict"


def test_a_finalizer_holds_an_object_until_it_is_taken_off(simulator: Simulator) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "finalizers": ["x/y"]}}
    simulator.call("POST", MAPS, body)
    assert "deletionTimestamp" in simulator.call("DELETE", f"{MAPS}/held")["metadata"]
    assert "deletionTimestamp" in simulator.call("GET", f"{MAPS}/held")["metadata"]
    kind = "application/json-patch+json"
    simulator.call(
        "PATCH", f"{MAPS}/held", [{"op": "remove", "path": "/metadata/finalizers"}], Content_Type=kind
    )
    with pytest.raises(HTTPError) as caught:
        simulator.call("GET", f"{MAPS}/held")
    assert caught.value.code == 404
