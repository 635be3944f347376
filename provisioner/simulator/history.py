"""What a watch can replay: the recent events of one collection, bounded in bytes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

BYTES_KEPT = 48 * 1024 * 1024
BYTES_KEPT_SMALL = 256 * 1024
TRIM_BYTES = 64 * 1024  # goes in one go


@dataclass(slots=True)
class Entry:
    """One stored object as the bytes that go out, plus what selectors need without parsing."""

    namespace: str
    name: str
    uid: str
    version: int
    raw: bytes
    labels: dict[str, str]
    owners: tuple[str, ...]
    stored: bool


@dataclass(slots=True)
class Event:
    """One change; `before` is what a selector tells a leaving object by."""

    version: int
    type: str
    entry: Entry
    before: Entry | None


class History:
    """An append-only log with readers' cursors instead of readers' queues.

    A slow reader costs nothing: it falls out of the kept window and is told 410.
    """

    __slots__ = ("base", "events", "floor", "kept", "size", "waiters")

    def __init__(self, floor: int, kept: int = BYTES_KEPT) -> None:
        self.kept = kept
        self.events: list[Event] = []
        self.base = 0
        self.size = 0
        self.floor = floor
        self.waiters: set[asyncio.Future[None]] = set()

    @property
    def end(self) -> int:
        """Return the cursor behind the newest event."""
        return self.base + len(self.events)

    def append(self, event: Event) -> None:
        """Keep an event, forget the oldest beyond the byte bound, wake the readers."""
        self.events.append(event)
        self.size += len(event.entry.raw)
        if self.size > self.kept + TRIM_BYTES:
            self._trim()
        self.wake()

    def _trim(self) -> None:
        left, count = self.size, 0
        while left > self.kept and count < len(self.events) - 1:
            left -= len(self.events[count].entry.raw)
            count += 1
        self._forget(count)

    def _forget(self, count: int) -> None:
        if not count:
            return
        gone = self.events[:count]
        del self.events[:count]
        self.base += count
        self.floor = gone[-1].version
        self.size -= sum(len(event.entry.raw) for event in gone)

    def compact(self, version: int) -> None:
        """Forget everything: watches from before `version` get 410."""
        if self.events:
            self._forget(len(self.events))
        self.floor = max(self.floor, version)

    def wake(self) -> None:
        """Let every waiting reader look again."""
        waiters, self.waiters = self.waiters, set()
        for future in waiters:
            if not future.done():
                future.set_result(None)

    def cursor_after(self, version: int) -> int | None:
        """Return where to read on after `version`; None when that is already forgotten."""
        if version < self.floor:
            return None
        low, high = 0, len(self.events)
        while low < high:
            middle = (low + high) // 2
            if self.events[middle].version <= version:
                low = middle + 1
            else:
                high = middle
        return self.base + low

    def since(self, cursor: int, limit: int) -> list[Event] | None:
        """Return up to `limit` events from `cursor` on; None when the reader fell behind."""
        if cursor < self.base:
            return None
        start = cursor - self.base
        return self.events[start : start + limit]

    def next_version(self, cursor: int) -> int | None:
        """Return the version of the event at `cursor`; None when there is none yet."""
        at = max(cursor - self.base, 0)
        return self.events[at].version if at < len(self.events) else None

    async def changed(self, timeout: float) -> None:
        """Wait until something is appended, at most `timeout` seconds."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiters.add(future)
        try:
            await asyncio.wait([future], timeout=timeout)
        finally:
            self.waiters.discard(future)
