"""One landscape's observer: takes the lock or stands by, watches, and starts over after whatever breaks."""

from __future__ import annotations

import time
from contextlib import suppress
from random import uniform
from threading import Event as Flag
from uuid import UUID

import structlog
from django.conf import settings
from django.db import Error, connection

from controlplane.kernel.errors import Fatal, Retry
from provisioner.drivers.base import LandscapeAccess
from provisioner.drivers.registry import connect
from provisioner.landscapes.models import Landscape
from provisioner.observer import queries
from provisioner.observer.feed import Feed
from provisioner.observer.writer import LockLostError, Writer
from provisioner.operations.sweeping import heard_of

log = structlog.get_logger(__name__)

GATHER_SECONDS = 0.15  # an event waits this long for company
STANDBY_SECONDS = 3.0
LONGEST_PAUSE_SECONDS = 30.0
_IDLE_SECONDS = 1.0


class Session:
    """Observes one landscape until `stop` is set; run it in a thread of its own."""

    def __init__(self, landscape_id: UUID, key: str, stop: Flag) -> None:
        self._id = landscape_id
        self._stop = stop
        self._log = log.bind(landscape=key)
        self._broken = 0  # times in a row

    def run(self) -> None:
        """Never raises: what breaks is logged, and tried again after a pause with jitter."""
        try:
            while not self._stop.is_set():
                try:
                    self._once()
                except Error as error:
                    # With the connection the lock is gone, too: another copy may write from here on.
                    self._log.warning("observer.database_lost", error=str(error).partition("\n")[0])
                    self._pause()
                except LockLostError:
                    self._log.warning("observer.lock_lost")
                except Exception:
                    self._log.exception("observer.broke")
                    self._pause()
                finally:
                    connection.close()
        finally:
            self._log.info("observer.left")

    def _once(self) -> None:
        if not queries.take_lock(self._id):
            self._stop.wait(STANDBY_SECONDS * uniform(0.7, 1.3))  # noqa: S311 - spreads load, guards nothing
            return
        try:
            self._log.info("observer.watches")
            writer = Writer(self._id)
            while not self._stop.is_set() and self._watch(writer):
                pass
        finally:
            # A pooled connection outlives this loop and would keep the lock; a broken one has lost it already.
            with suppress(Error):
                queries.give_lock(self._id)

    def _watch(self, writer: Writer) -> bool:
        """Follow one watch to its end; False when the landscape is no longer registered."""
        row = Landscape.objects.filter(pk=self._id).first()
        if row is None:
            return False
        began = time.monotonic()
        try:
            access = LandscapeAccess.of(row, timeout_seconds=settings.LANDSCAPE_TIMEOUT_SECONDS)
            driver = connect(kind=row.kind, access=access)
            feed = Feed(driver.watch(writer.begin(row.key, row.cursor, driver)), name=row.key)
            try:
                self._follow(feed, writer, away=self._broken > 0)
            finally:
                feed.close()
        except (Retry, Fatal) as error:
            self._log.warning("observer.landscape_unavailable", error=str(error), code=error.code)
            if time.monotonic() - began > LONGEST_PAUSE_SECONDS:
                self._broken = (
                    0  # it answered for long: this is another outage, not the last one's next minute
                )
            self._pause()
            return True
        if time.monotonic() - began < _IDLE_SECONDS:
            self._pause()  # a server that ends every watch at once must not be hammered
        else:
            self._broken = 0
        return True

    def _follow(self, feed: Feed, writer: Writer, *, away: bool) -> None:
        """Gather events and write them; the end of the watch is written before it is told.

        The first that is heard of a landscape which was away lets its operations try again.
        """
        due: float | None = None
        try:
            while not self._stop.is_set():
                event = feed.next(due - time.monotonic() if due else _IDLE_SECONDS)
                if event is not None:
                    writer.take(event)
                    if away:
                        heard_of(self._id)
                        away = False
                    due = due or time.monotonic() + GATHER_SECONDS
                if writer.full or due is None or time.monotonic() >= due:
                    writer.flush()
                    due = None
        except (StopIteration, Retry, Fatal) as end:
            writer.finish()
            if not isinstance(end, StopIteration):
                raise
            return
        writer.finish()

    def _pause(self) -> None:
        self._broken += 1
        longest = min(LONGEST_PAUSE_SECONDS, 0.5 * 2.0 ** min(self._broken, 10))
        self._stop.wait(uniform(longest / 2, longest))  # noqa: S311 - spreads load, guards nothing
