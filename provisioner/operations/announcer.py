"""Publishes permits in a thread of its own, so that no request waits for the broker, and gathers those of a moment."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from uuid import UUID

GATHER_SECONDS = 0.05  # a person does not notice it, and a burst of requests becomes a few messages
# In a stream of requests workers are at it, and look for what is due by themselves: a permit only has to start one that is not.
STREAM_SECONDS, GATHER_IN_STREAM_SECONDS = 1.0, 0.25
WISHES_PER_PERMIT = 8  # one permit works off many; more permits only bring more workers at once, and the sweep those that lack
MOST_PERMITS = 16


class Announcer:
    """Hands ids to `send` from a thread that starts with the first of them, anew in every forked process.

    What a dying process has not published, the sweep does.
    """

    def __init__(self, send: Callable[[UUID], bool]) -> None:
        self._send = send
        self._guard = threading.Lock()
        self._pid = 0
        self._waiting: SimpleQueue[UUID] = SimpleQueue()

    def announce(self, operation_id: UUID) -> None:
        """Have a permit sent soon."""
        if self._pid != os.getpid():
            self._start()
        self._waiting.put(operation_id)

    def _start(self) -> None:
        with self._guard:
            if self._pid == os.getpid():
                return
            self._waiting = SimpleQueue()
            threading.Thread(
                target=self._publish, args=(self._waiting,), name="announcer", daemon=True
            ).start()
            self._pid = os.getpid()

    def _publish(self, waiting: SimpleQueue[UUID]) -> None:
        sent_at = -STREAM_SECONDS
        while True:
            gathered = [waiting.get()]
            in_stream = time.monotonic() - sent_at < STREAM_SECONDS
            time.sleep(GATHER_IN_STREAM_SECONDS if in_stream else GATHER_SECONDS)
            try:
                while True:
                    gathered.append(waiting.get_nowait())
            except Empty:
                pass
            permits = min(-(-len(gathered) // WISHES_PER_PERMIT), MOST_PERMITS)
            for operation_id in gathered[:permits]:
                if not self._send(operation_id):
                    break
                sent_at = time.monotonic()
