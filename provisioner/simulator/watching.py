"""Watches: each reader keeps a cursor into the history, so none can hold up another."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import orjson
from aiohttp import web

from provisioner.simulator.call import Call, bool_param, int_param
from provisioner.simulator.errors import Json, expired
from provisioner.simulator.history import Entry, Event
from provisioner.simulator.listing import EntryTest, check_version, entry_test
from provisioner.simulator.represent import JSON_TYPE, Form, event_bytes, form_of
from provisioner.simulator.store import Collection, read

BATCH = 500
GATHER_SECONDS = (
    0.05  # the first event leaves at once, those right behind it together: one write, not one each
)
BOOKMARK_SECONDS = 15.0
GONE = "too old resource version: {asked} ({floor})"


class Watch:
    """One open watch."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.collection: Collection = call.endpoint.collection(*call.resource.key)
        self.test: EntryTest | None = entry_test(call)
        self.form = form_of(call.request)
        self.include = call.query.get("includeObject", "Metadata")
        self.bookmarks = bool_param(call, "allowWatchBookmarks")
        self.first = True
        self.cursor = 0

    def start(self) -> list[bytes]:
        """Place the cursor; returns the lines that show the present state, when that is asked for."""
        text = self.call.query.get("resourceVersion", "")
        version = check_version(self.call, text)
        history = self.collection.history
        initial = bool_param(self.call, "sendInitialEvents")
        if version and not initial:
            cursor = history.cursor_after(version)
            if cursor is None:
                raise expired(GONE.format(asked=version, floor=history.floor))
            self.cursor = cursor
            return []
        self.cursor = history.end
        lines = [
            self._line("ADDED", entry)
            for entry in self.collection.scan(self.call.address.namespace)
            if self.test is None or self.test(entry)
        ]
        if initial and self.bookmarks:
            lines.append(self.bookmark(initial=True))
        return lines

    def _line(self, kind: str, entry: Entry) -> bytes:
        line = event_bytes(kind, entry, self.call.resource, self.form, self.include, self.first)
        self.first = False
        return line

    def bookmark(self, *, initial: bool = False) -> bytes:
        """Return the line that says how far this watch has come."""
        metadata: Json = {"resourceVersion": str(self._come_to()), "creationTimestamp": None}
        if initial:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        document: Json = {
            "kind": self.call.resource.kind,
            "apiVersion": self.call.resource.api_version,
            "metadata": metadata,
        }
        if self.form is Form.TABLE:
            document = {
                "kind": "Table",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
                "columnDefinitions": [],
                "rows": [],
            }
        return orjson.dumps({"type": "BOOKMARK", "object": document}) + b"\n"

    def _come_to(self) -> int:
        # A bookmark that ran ahead of events not yet sent would have the reader resume behind them.
        unsent = self.collection.history.next_version(self.cursor)
        return self.call.endpoint.store.version if unsent is None else unsent - 1

    @property
    def is_behind(self) -> bool:
        """Whether events that this watch has not sent are forgotten: no bookmark may lead past them."""
        return self.cursor < self.collection.history.base

    def pending(self) -> list[bytes] | None:
        """Return the next lines; None when the reader fell behind what is kept."""
        events = self.collection.history.since(self.cursor, BATCH)
        if events is None:
            return None
        self.cursor += len(events)
        lines: list[bytes] = []
        namespace = self.call.address.namespace
        for event in events:
            if namespace and event.entry.namespace != namespace:
                continue
            kind = self._kind(event)
            if kind:
                left = kind == "DELETED" and event.type != "DELETED"
                lines.append(self._line(kind, _as_it_left(event) if left else event.entry))
        return lines

    def _kind(self, event: Event) -> str:
        if self.test is None:
            return event.type
        before = event.before is not None and self.test(event.before)
        if event.type == "DELETED":
            return "DELETED" if before else ""
        now = self.test(event.entry)
        if now:
            return "MODIFIED" if before else "ADDED"
        return "DELETED" if before else ""


def _as_it_left(event: Event) -> Entry:
    """Return what a selector no longer finds as it last found it, under the version of the change.

    Source: k8s.io/apiserver, pkg/storage/cacher/cache_watcher.go, convertToWatchEvent.
    """
    before = event.before or event.entry
    document = read(before)
    document["metadata"]["resourceVersion"] = str(event.version)
    return replace(before, version=event.version, raw=orjson.dumps(document))


def error_line() -> bytes:
    """Return the line that ends a watch which fell behind."""
    return (
        orjson.dumps({"type": "ERROR", "object": expired("the watch fell behind: list again").status()})
        + b"\n"
    )


async def watch(call: Call) -> web.StreamResponse:
    """Serve a watch until its time is over, the client leaves, or it falls behind."""
    reader = Watch(call)
    store = call.endpoint.store
    epoch = store.watch_epoch
    lines = reader.start()
    response = web.StreamResponse(headers={"Content-Type": JSON_TYPE, "Cache-Control": "no-cache, private"})
    await response.prepare(call.request)
    call.endpoint.readers += 1
    try:
        if lines:
            await response.write(b"".join(lines))
        await _follow(reader, response, epoch)
        if reader.is_behind:
            await response.write(error_line())
        elif epoch == store.watch_epoch and reader.bookmarks:
            await response.write(reader.bookmark())
    except (ConnectionResetError, ConnectionError):
        return response
    finally:
        call.endpoint.readers -= 1
    return response


async def _follow(reader: Watch, response: web.StreamResponse, epoch: int) -> None:
    store, history = reader.call.endpoint.store, reader.collection.history
    loop = asyncio.get_running_loop()
    seconds = int_param(reader.call, "timeoutSeconds") or random.randint(1800, 3600)  # noqa: S311 - spreads reconnects
    deadline = loop.time() + seconds
    bookmark_at = loop.time() + BOOKMARK_SECONDS
    while epoch == store.watch_epoch and loop.time() < deadline:
        lines = reader.pending()
        if lines is None:
            return
        if lines:
            await response.write(b"".join(lines))
            await asyncio.sleep(GATHER_SECONDS)
            continue
        if reader.cursor < history.end:
            continue
        if reader.bookmarks and loop.time() >= bookmark_at:
            bookmark_at = loop.time() + BOOKMARK_SECONDS
            await response.write(reader.bookmark())
        rest = deadline - loop.time()
        if reader.bookmarks:
            rest = min(rest, bookmark_at - loop.time())
        await history.changed(max(rest, 0.001))
