"""Reads a watch in a thread of its own, so that whoever writes can wait for events and for the clock at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from queue import Empty, Full, Queue
from threading import Event as Flag
from threading import Thread

from provisioner.drivers.base import Event

_ROOM = 2000  # events in flight; a slower writer slows the reader down
_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class _Ended:
    error: Exception | None


class Feed:
    """The events of one watch; the thread ends with the watch, or soon after `close`."""

    def __init__(self, events: Iterator[Event], *, name: str) -> None:
        self._queue: Queue[Event | _Ended] = Queue(_ROOM)
        self._closed = Flag()
        self._thread = Thread(target=self._read, args=(events,), name=f"watch {name}", daemon=True)
        self._thread.start()

    def next(self, timeout_seconds: float) -> Event | None:
        """Return the next event, or None when none came in time; raises StopIteration at the end, or what ended the watch."""
        try:
            item = self._queue.get(timeout=max(timeout_seconds, 0.001))
        except Empty:
            return None
        if isinstance(item, _Ended):
            raise item.error or StopIteration
        return item

    def close(self) -> None:
        """Let the reader go; it may linger until its connection says something."""
        self._closed.set()

    def _read(self, events: Iterator[Event]) -> None:
        error: Exception | None = None
        try:
            for event in events:
                if not self._put(event):
                    return
        except Exception as caught:  # whoever writes knows what to do
            error = caught
        self._put(_Ended(error))

    def _put(self, item: Event | _Ended) -> bool:
        while not self._closed.is_set():
            try:
                self._queue.put(item, timeout=_LOOK_SECONDS)
                return True
            except Full:
                continue
        return False
