"""The only way in for samples: checked column by column, each stored exactly once, in one transaction with what it makes dirty.

A batch becomes blocks, one a slot and 512 neighbouring sources. Where some are there, they are merged: equal payloads are
duplicates, different ones go to quarantine, and the rest is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

import numpy as np
from django.conf import settings
from django.db import IntegrityError, transaction

from billing.usage import checking, interning, quarantine
from billing.usage.checking import Columns, columns_of
from billing.usage.integrals import GAUGES
from billing.usage.loading import CrowdedError, load, write
from billing.usage.looks import use_fault_of, uses_are_good
from billing.usage.noting import notes_of
from billing.usage.packed import SAMPLE, Array
from billing.usage.partitions import standing
from billing.usage.samples import Gauges, Ingested, Origin, RowFault, SampleIn
from billing.usage.slots import DAY, day_of, micros
from billing.usage.sources import lives_of
from controlplane.kernel.clock import utcnow

MOST_ROWS = 20_000
_MOST_TRIES = 50
_NUMBERED, _BORN, _GONE = 0, 1, 2  # what a life is told by
_stood: set[date] = set()  # days that had a partition when somebody looked


def ingest(
    *, batch: Sequence[SampleIn], origin: Origin, now: datetime | None = None, believed: bool = False
) -> Ingested:
    """Take in a batch of at most 20,000 rows; answers what became of each, and raises for none of them.

    `believed`: somebody has looked at them, so a clock that is off is no reason to put one aside. Raises ValueError for a larger
    batch.
    """
    if len(batch) > MOST_ROWS:
        raise ValueError(f"A batch has at most {MOST_ROWS} rows, not {len(batch)}.")
    if not batch:
        return Ingested(0, 0)
    columns = columns_of(batch)
    faults = _faults_of_values(columns, seconds=settings.USAGE_SLOT_SECONDS, now=now or utcnow())
    # Mostly nobody else brings the same rows, and their days stand: that is seen on the way. Else each row is looked up.
    for attempt in range(_MOST_TRIES):
        try:
            with transaction.atomic():
                rest = _Rest(batch, columns)
                rest.refuse(faults)
                return _take_in(rest, origin, closely=attempt > 0, believed=believed)
        except CrowdedError:
            continue
    raise IntegrityError("These samples change faster than they can be loaded.")


class _Rest:
    """What of a batch is still to be stored: the numbers of its rows, and its columns."""

    def __init__(self, batch: Sequence[SampleIn], columns: Columns) -> None:
        self.batch = batch
        self.columns = columns
        self.lives: Array = np.empty((0, 3), np.int64)
        self.rows: Sequence[int] = range(len(batch))
        self.refused: list[RowFault] = []
        self.quarantined: list[RowFault] = []

    def refuse(self, faults: Sequence[RowFault]) -> None:
        """Leave out rows with faults, numbered as the columns are."""
        if faults and self.rows:
            self.refused += [replace(fault, row=self.rows[fault.row]) for fault in faults]
            self._leave_out({fault.row for fault in faults})

    def keep_aside(self, faults: Sequence[RowFault], origin: Origin) -> None:
        """Put rows into quarantine."""
        if faults:
            quarantine.keep([(self.batch[self.rows[fault.row]], fault) for fault in faults], origin)
            self.quarantined += [replace(fault, row=self.rows[fault.row]) for fault in faults]
            self._leave_out({fault.row for fault in faults})

    def _leave_out(self, gone: set[int]) -> None:
        self.rows = [number for row, number in enumerate(self.rows) if row not in gone]
        self.lives = np.delete(self.lives, [*gone], axis=0) if len(self.lives) else self.lives
        if self.rows:
            self.columns = columns_of([self.batch[number] for number in self.rows])


def _faults_of_values(columns: Columns, *, seconds: int, now: datetime) -> list[RowFault]:
    return [
        *checking.faults_of_numbers(columns),
        *checking.faults_of_slots(columns, seconds=seconds, now=now),
        *checking.faults_of_reports(columns),
        *interning.faults_of_looks(columns.keys, columns.looks),
        *_faults_of_use(columns),
    ]


def _faults_of_use(columns: Columns) -> list[RowFault]:
    if uses_are_good([columns.uses[row] for row in columns.told_use]):
        return []
    return [
        RowFault(row, "component_use", "levels_invalid", fault)
        for row in columns.told_use
        if (fault := use_fault_of(columns.uses[row]))
    ]


def _faults_of_runtimes(rest: _Rest) -> list[RowFault]:
    if not rest.rows:
        return []
    rest.lives = lives_of(rest.columns.numbers)
    unknown = np.flatnonzero(rest.lives[:, _NUMBERED] == 0).tolist()
    return [RowFault(row, "runtime", "runtime_unknown", "There is no such runtime.") for row in unknown]


def _faults_of_days(rest: _Rest, *, closely: bool) -> list[RowFault]:
    if not rest.rows:
        return []
    days = {slot: day_of(slot) for slot in rest.columns.different_slots}
    today = day_of(utcnow())
    # Where they don't stand, writing says so.
    there = set[date]() if closely else {today, today - DAY, *_stood}
    if doubtful := set(days.values()) - there:
        there |= standing(doubtful)
        _stood.intersection_update(there)
        _stood.update(there)
    if there.issuperset(days.values()):
        return []
    detail = "Samples of this day are not kept: it is older than the retention."
    return [
        RowFault(row, "slot", "slot_out_of_range", detail)
        for row, slot in enumerate(rest.columns.slots)
        if days[slot] not in there
    ]


def _doubtful(rest: _Rest, seconds: int, *, believed: bool) -> list[RowFault]:
    if not rest.rows:
        return []
    columns = rest.columns
    born, gone = rest.lives[:, _BORN], rest.lives[:, _GONE]
    outside = checking.outside_life(columns.slots_at, born, gone, seconds=seconds)
    skewed = [] if believed else checking.skewed(columns.reported_at, columns.slots_at, seconds=seconds)
    found = dict.fromkeys(skewed, ("reported_at", "clock_skewed", "It was reported more than one slot away."))
    found |= dict.fromkeys(outside, ("slot", "outside_life", "The runtime did not live in this slot."))
    return [RowFault(row, *fault) for row, fault in sorted(found.items())]


def _take_in(rest: _Rest, origin: Origin, *, closely: bool, believed: bool) -> Ingested:
    rest.refuse(_faults_of_runtimes(rest))
    rest.refuse(_faults_of_days(rest, closely=closely))
    rest.keep_aside(_doubtful(rest, settings.USAGE_SLOT_SECONDS, believed=believed), origin)
    result = _store(rest, origin) if rest.rows else Ingested(0, 0)
    quarantined = (*rest.quarantined, *(replace(f, row=rest.rows[f.row]) for f in result.quarantined))
    return replace(result, refused=tuple(rest.refused), quarantined=quarantined)


def _store(rest: _Rest, origin: Origin) -> Ingested:
    columns, sources = rest.columns, rest.lives[:, _NUMBERED]
    loaded = load(columns.slots_at, _records(columns, sources, origin))
    write(loaded, notes_of(columns, sources, loaded.new, loaded.digests))
    faults = [RowFault(row, "slot", "conflict", quarantine.CONFLICT) for row in loaded.conflicts.tolist()]
    quarantine.keep([(rest.batch[rest.rows[fault.row]], fault) for fault in faults], origin)
    return Ingested(len(loaded.new), loaded.duplicates, tuple(faults))


def _records(columns: Columns, sources: Array, origin: Origin) -> Array:
    if columns.figures is None:
        raise TypeError("A gauge that is no whole number was not found to be one.")
    records = np.empty(len(sources), SAMPLE)
    records["source"], records["epoch"] = sources, columns.epochs
    records["shape"], records["components"] = interning.numbers_of(columns.keys, columns.looks)
    for name in (*GAUGES, "egress_bytes"):
        records[name] = columns.figures[:, Gauges._fields.index(name)]
    records["reported_at"], records["origin"] = columns.reported_at, int(origin)
    records["stored_at"] = micros(utcnow())
    return records
