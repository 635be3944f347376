"""Writes one landscape's events: statuses in batches, what vanished, the place in its history; wakes what waited."""

from __future__ import annotations

import time
from dataclasses import replace
from uuid import UUID

import structlog
from django.db import transaction

from controlplane.kernel.clock import utcnow
from provisioner.drivers.base import Cursor, Driver, Event, EventType
from provisioner.lifecycle.repair import mark_missing
from provisioner.observer import queries
from provisioner.observer.changes import MOST, Batch, lag_since, runtime_of
from provisioner.observer.mending import mend_due, note_drift
from provisioner.observer.orphans import is_believable
from provisioner.operations.following import follow
from provisioner.operations.services import wake

log = structlog.get_logger(__name__)

PLACE_SECONDS = 5.0  # a restart repeats at most this much, which changes nothing
REPORT_SECONDS = 60.0
MEND_SECONDS = 30.0


class LockLostError(Exception):
    """Another copy writes for this landscape now, or the landscape is gone: stop at once."""


class Writer:
    """Takes the events of one landscape; whoever calls holds its lock on this thread's connection.

    Settled sights wake the runtime's operation in the same transaction: neither is there without the other.
    """

    def __init__(self, landscape_id: UUID) -> None:
        self.landscape_id = landscape_id
        self.cursor = ""
        self._log = log
        self._driver: Driver | None = None
        self._batch = Batch()
        self._listed: list[tuple[UUID | None, str]] | None = None
        self._reset = False
        self._placed_at = self._reported_at = self._mended_at = time.monotonic()
        self._heard = False  # since the place was last written
        self._counts = {"events": 0, "written": 0, "woken": 0}
        self._oldest_at = ""  # of what was taken in since the last write, in the landscape's own time
        self._lag_seconds = 0.0  # since the place was last written
        self._longest_lag_seconds = 0.0  # since the last report

    def begin(self, key: str, cursor: str, driver: Driver | None = None) -> Cursor | None:
        """Return where a new watch goes on: at the landscape's `cursor`; a list that broke off counts for nothing.

        With the landscape's driver, what is not as wanted is noted and mended.
        """
        self.cursor, self._driver = cursor, driver
        self._log = log.bind(landscape=key)
        self._listed, self._reset, self._batch.everything = None, False, False
        return Cursor(self.cursor) if self.cursor else None

    @property
    def full(self) -> bool:
        """Say whether the batch should be written now."""
        return len(self._batch) >= MOST

    def take(self, event: Event) -> None:
        """Take in one event; a list's end is written at once."""
        if event.at:
            self._oldest_at = min(self._oldest_at or event.at, event.at)
        self._counts["events"] += 1
        self._heard = True
        if event.type is EventType.RELIST_BEGIN:
            self._begin_list(event.version)
        elif event.type is EventType.RELIST_END:
            self._end_list(event.version)
        else:
            event = self._named(event)
            self._batch.add(event)
            if self._listed is None:
                self.cursor = event.version or self.cursor
            elif event.observed is not None:
                self._listed.append((runtime_of(event.observed), event.observed.name))

    def _named(self, event: Event) -> Event:
        """Give what is gone its owner by its name, where it does not say whose it was: nobody else can have had that name."""
        gone = event.observed
        if event.type is not EventType.GONE or gone is None or gone.owner.get("runtime"):
            return event
        runtime_id = queries.runtime_named(self.landscape_id, gone.name)
        if runtime_id is None:
            return event
        return replace(event, observed=replace(gone, owner={**gone.owner, "runtime": str(runtime_id)}))

    def flush(self) -> None:
        """Write what has gathered, and every few seconds the place."""
        if len(self._batch):
            self._write()
        self._measure_lag()
        due = self._heard and time.monotonic() - self._placed_at >= PLACE_SECONDS
        if due and self._listed is None:
            self.keep_place()
        if self._driver is not None and time.monotonic() - self._mended_at >= MEND_SECONDS:
            self._mend()
        if time.monotonic() - self._reported_at >= REPORT_SECONDS:
            self._report()

    def keep_place(self, *, relisted: bool = False) -> None:
        """Write how far we are; raises LockLostError."""
        lag = self._lag_seconds
        if not queries.keep_place(self.landscape_id, self.cursor, relisted=relisted, lag=lag):
            raise LockLostError
        self._placed_at, self._heard, self._lag_seconds = time.monotonic(), False, 0.0

    def finish(self) -> None:
        """Write everything: the watch has ended."""
        if len(self._batch):
            self._write()
        self._measure_lag()
        if self._heard:
            self.keep_place()

    def _write(self) -> None:
        with transaction.atomic():
            changed = queries.write_statuses(
                self.landscape_id, self._batch.changes.values(), reset=self._reset
            )
            self._wake([row.runtime_id for row in changed if row.settled])
            follow(runtime_ids=[row.runtime_id for row in changed if not row.settled])
            mark_missing(runtime_ids=[row.runtime_id for row in changed if row.absent])
            drifted = self._note_drift({row.runtime_id for row in changed if row.reshaped and not row.absent})
        self._batch.written()
        if drifted:
            self._mend()
        self._counts["written"] += len(changed)

    def _note_drift(self, reshaped: set[UUID]) -> bool:
        if self._driver is None:
            return False
        sights = {key: change.seen for key, change in self._batch.changes.items() if key in reshaped}
        return note_drift(landscape_id=self.landscape_id, driver=self._driver, sights=sights)

    def _mend(self) -> None:
        mend_due(landscape_id=self.landscape_id)
        self._mended_at = time.monotonic()

    def _begin_list(self, version: str) -> None:
        if len(self._batch):
            self._write()
        self._listed = []
        self._reset = _number(version) < _number(self.cursor)
        self._batch.everything = self._reset
        if self._reset:
            self._log.warning("observer.history_began_anew", version=version, before=self.cursor)

    def _end_list(self, version: str) -> None:
        if len(self._batch):
            self._write()
        listed = self._listed or []
        seen = [owner for owner, _ in listed if owner is not None]
        with transaction.atomic():
            vanished = queries.mark_vanished(self.landscape_id, seen, version)
            self._wake(vanished)
            if is_believable(missing=len(vanished), present=len(listed)):
                mark_missing(runtime_ids=vanished)
            else:
                self._log.error("observer.list_not_believed", clusters=len(listed), vanished=len(vanished))
        orphans = queries.unowned(self.landscape_id, listed)
        self._listed, self._reset, self._batch.everything = None, False, False
        for runtime_id in vanished:
            self._batch.known.pop(runtime_id, None)
        self.cursor = version
        self.keep_place(relisted=True)
        self._log.info(
            "observer.relisted", clusters=len(listed), vanished=len(vanished), orphans=len(orphans)
        )
        if orphans:
            self._log.warning("observer.orphans", count=len(orphans), some=orphans[:10])

    def _wake(self, runtime_ids: list[UUID]) -> None:
        if runtime_ids:
            self._counts["woken"] += wake(runtime_ids=runtime_ids)

    def _measure_lag(self) -> None:
        """Whatever was taken in is written, or was known: tell how old the oldest of it is."""
        if self._oldest_at:
            lag = lag_since(self._oldest_at, utcnow())
            self._lag_seconds = max(self._lag_seconds, lag)
            self._longest_lag_seconds = max(self._longest_lag_seconds, lag)
            self._oldest_at = ""

    def _report(self) -> None:
        self._reported_at = time.monotonic()
        if any(self._counts.values()):
            self._log.info("observer.wrote", lag_seconds=round(self._longest_lag_seconds, 3), **self._counts)
        self._counts = dict.fromkeys(self._counts, 0)
        self._longest_lag_seconds = 0.0


def _number(version: str) -> int:
    return int(version) if version.isascii() and version.isdigit() else 0
