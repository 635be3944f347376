"""A bookmark never promises more than was sent: the reader would resume behind what it has not seen."""

from __future__ import annotations

import json
from types import SimpleNamespace

from provisioner.simulator.history import Entry, Event, History
from provisioner.simulator.represent import Form
from provisioner.simulator.watching import Watch

NEWEST = 9


def reader(cursor: int, *versions: int) -> Watch:
    """A watch that has sent the events before `cursor`, on a store whose newest version is of another collection."""
    history = History(0)
    for version in versions:
        entry = Entry("", "c", "", version, b"{}", {}, (), stored=True)
        history.append(Event(version, "MODIFIED", entry, None))
    watch = Watch.__new__(Watch)
    endpoint = SimpleNamespace(store=SimpleNamespace(version=NEWEST))
    resource = SimpleNamespace(kind="Shoot", api_version="core.gardener.cloud/v1beta1")
    watch.call = SimpleNamespace(endpoint=endpoint, resource=resource)  # type: ignore[assignment]
    watch.collection = SimpleNamespace(history=history)  # type: ignore[assignment]
    watch.form, watch.cursor = Form.OBJECT, cursor
    return watch


def bookmarked(watch: Watch) -> int:
    return int(json.loads(watch.bookmark())["object"]["metadata"]["resourceVersion"])


def test_when_all_was_sent_it_names_the_newest_version() -> None:
    assert bookmarked(reader(2, 5, 7)) == NEWEST


def test_while_events_wait_it_stays_behind_the_first_of_them() -> None:
    assert bookmarked(reader(1, 5, 7)) == 6
    assert bookmarked(reader(0, 5, 7)) == 4
