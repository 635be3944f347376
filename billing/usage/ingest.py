"""The only way in for samples: checked column by column, each stored exactly once, in one transaction with what it makes dirty.

A batch goes by COPY straight into the day's partition. Where that meets rows that are there, they are read back in the same
bytes: equal payloads are duplicates, different ones go to quarantine, and the rest is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from itertools import repeat
from operator import itemgetter
from typing import Any

import orjson
from django.conf import settings
from django.db import connection, transaction

from billing.usage import checking, interning, quarantine
from billing.usage.checking import Columns, columns_of
from billing.usage.encoding import encode
from billing.usage.loading import load
from billing.usage.looks import use_fault_of, uses_are_good
from billing.usage.marking import mark
from billing.usage.partitions import standing
from billing.usage.queries import KEEP_COMPONENT_USE
from billing.usage.samples import Gauges, Ingested, Origin, RowFault, SampleIn
from billing.usage.slots import day_of, hour_of
from billing.usage.sources import Life, lives_of
from controlplane.kernel.clock import utcnow

MOST_ROWS = 20_000
_STORED = Gauges._fields[:4]
_USED = Gauges._fields[4:8]


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
    seconds = settings.USAGE_SLOT_SECONDS
    columns = columns_of(batch)
    faults = _faults_of_values(columns, seconds=seconds, now=now or utcnow())
    with transaction.atomic():
        rest = _Rest(batch, columns)
        rest.refuse(faults)
        rest.refuse(_faults_of_runtimes(rest))
        rest.refuse(_faults_of_days(rest))
        rest.keep_aside(_doubtful(rest, seconds, believed=believed), origin)
        result = _store(rest, origin) if rest.rows else Ingested(0, 0)
        quarantined = (*rest.quarantined, *(replace(f, row=rest.rows[f.row]) for f in result.quarantined))
    return replace(result, refused=tuple(rest.refused), quarantined=quarantined)


class _Rest:
    """What of a batch is still to be stored: the numbers of its rows, and its columns."""

    def __init__(self, batch: Sequence[SampleIn], columns: Columns) -> None:
        self.batch = batch
        self.columns = columns
        self.lives: dict[int, Life] = {}
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
    rest.lives = lives_of(rest.columns.different_numbers)
    if rest.lives.keys() >= rest.columns.different_numbers:
        return []
    detail = "There is no such runtime."
    return [
        RowFault(row, "runtime", "runtime_unknown", detail)
        for row, number in enumerate(rest.columns.numbers)
        if number not in rest.lives
    ]


def _faults_of_days(rest: _Rest) -> list[RowFault]:
    if not rest.rows:
        return []
    days = {slot: day_of(slot) for slot in rest.columns.different_slots}
    there = standing(set(days.values()))
    if there >= set(days.values()):
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
    lives = list(map(rest.lives.__getitem__, columns.numbers))
    born, gone = list(map(itemgetter(1), lives)), list(map(itemgetter(2), lives))
    outside = checking.outside_life(columns.slots_at, born, gone, seconds=seconds)
    skewed = [] if believed else checking.skewed(columns.reported_at, columns.slots_at, seconds=seconds)
    found = dict.fromkeys(skewed, ("reported_at", "clock_skewed", "It was reported more than one slot away."))
    found |= dict.fromkeys(outside, ("slot", "outside_life", "The runtime did not live in this slot."))
    return [RowFault(row, *fault) for row, fault in sorted(found.items())]


def _store(rest: _Rest, origin: Origin) -> Ingested:
    columns = rest.columns
    sources = list(map(itemgetter(0), map(rest.lives.__getitem__, columns.numbers)))
    rows = _encoded(columns, sources, origin)
    accepted, duplicates, conflicts = 0, 0, list[int]()
    for day, chosen in _by_day(columns).items():
        loaded = load(day, rows if len(chosen) == len(rows) else [rows[number] for number in chosen])
        accepted += loaded.accepted
        duplicates += loaded.duplicates
        conflicts += [chosen[number] for number in loaded.conflicts]
        new = chosen if loaded.new is None else [chosen[number] for number in loaded.new]
        mark(columns.slots, sources, new)
        _keep_component_use(columns, sources, new)
    faults = [RowFault(row, "slot", "conflict", quarantine.CONFLICT) for row in sorted(conflicts)]
    quarantine.keep([(rest.batch[rest.rows[fault.row]], fault) for fault in faults], origin)
    return Ingested(accepted, duplicates, tuple(faults))


def _encoded(columns: Columns, sources: Sequence[int], origin: Origin) -> list[bytes]:
    numbers = interning.numbers_of(columns.keys, columns.looks)
    interned = list(map(numbers.__getitem__, columns.keys))
    always = (
        columns.slots_at,
        sources,
        columns.epochs,
        columns.reported_at,
        repeat(int(origin)),
        columns.gauges["egress_bytes"],
        list(map(itemgetter(0), interned)),
        list(map(itemgetter(1), interned)),
        *(columns.gauges[name] for name in _STORED),
    )
    return encode(always, [columns.gauges[name] for name in _USED])


def _by_day(columns: Columns) -> dict[date, Sequence[int]]:
    days = {slot: day_of(slot) for slot in columns.different_slots}
    if len(set(days.values())) == 1:
        return {next(iter(days.values())): range(len(columns.slots))}
    found: dict[date, list[int]] = {}
    for row, slot in enumerate(columns.slots):
        found.setdefault(days[slot], []).append(row)
    return dict(sorted(found.items(), key=itemgetter(0)))


def _keep_component_use(columns: Columns, sources: Sequence[int], new: Sequence[int]) -> None:
    found: dict[datetime, dict[int, Any]] = {}
    hours = {slot: hour_of(slot) for slot in columns.different_slots}
    stored = new if isinstance(new, range) else set(new)
    for row in columns.told_use:
        if row in stored and (use := columns.uses[row]):
            found.setdefault(hours[columns.slots[row]], {})[sources[row]] = use
    with connection.cursor() as cursor:
        for hour, used in sorted(found.items()):
            text = orjson.dumps(used, option=orjson.OPT_NON_STR_KEYS).decode()
            cursor.execute(KEEP_COMPONENT_USE, [hour, text])
