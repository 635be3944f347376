"""Finds what is wrong with the rows of a batch, column by column: ten thousand good rows cost a few passes in C each. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import compress, count, repeat
from operator import attrgetter, is_not, itemgetter
from typing import Any
from uuid import UUID

import numpy as np

from billing.usage.figures import LARGEST, LARGEST_BYTES, figures_of
from billing.usage.looks import written
from billing.usage.packed import Array
from billing.usage.samples import Gauges, RowFault, SampleIn
from billing.usage.slots import MICRO, micros

NULLABLE = frozenset(name for name in Gauges._fields if "_used_" in name)
_PIECE = 500
_EPOCH_AT = 946_684_800 * MICRO  # PostgreSQL's, since 1970
_WHOLE = frozenset({int})
_MAYBE = frozenset({int, type(None)})


@dataclass
class Columns:
    """A batch, turned on its side; what is derived of it is derived once."""

    runtimes: list[UUID]
    epochs: list[int]
    slots: list[datetime]
    levels: list[Any]
    components: list[Any]
    gauges: list[Gauges]
    reported: list[datetime]
    uses: list[Any]

    @cached_property
    def keys(self) -> list[bytes]:
        """Return what stands for each look in the interning's memory."""
        return written(*self._parts)

    @property
    def looks(self) -> Iterator[tuple[Any, Any, int, int]]:
        """What is interned of each row."""
        return zip(*self._parts, strict=True)

    @cached_property
    def _parts(self) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
        cores, mib = (self._numbers(name) for name in ("allocatable_millicores", "allocatable_mib"))
        return self.levels, self.components, cores, mib

    @cached_property
    def figures(self) -> Array | None:
        """Return the gauges as an array (row, gauge), unknown use as -1; None where one has a fault."""
        return figures_of(self.gauges)

    def gauge(self, name: str) -> list[Any]:
        """Return one gauge of every row, whatever it is."""
        return list(map(itemgetter(Gauges._fields.index(name)), self.gauges))

    def _numbers(self, name: str) -> list[Any]:
        if self.figures is None:
            return self.gauge(name)
        return [*self.figures[:, Gauges._fields.index(name)].tolist()]

    @cached_property
    def told_use(self) -> list[int]:
        """Return the rows that tell what components used: few, for it is wanted once an hour."""
        return list(compress(count(), map(is_not, self.uses, repeat(None))))

    @cached_property
    def numbers(self) -> list[int]:
        """Return the runtimes' ids as numbers, which hash in C."""
        return list(map(attrgetter("int"), self.runtimes))

    @cached_property
    def different_slots(self) -> set[datetime]:
        """Return each slot once: few, often one."""
        return set(self.slots)

    @cached_property
    def slots_at(self) -> Array:
        """Return the slots' first moments in PostgreSQL's microseconds; all are slots."""
        of_slot = {slot: micros(slot) for slot in self.different_slots}
        if len(of_slot) == 1:
            return np.full(len(self.slots), next(iter(of_slot.values())))
        return np.fromiter(map(of_slot.__getitem__, self.slots), np.int64, len(self.slots))

    @cached_property
    def reported_at(self) -> Array:
        """Return when each row was reported, likewise; all have a zone."""
        # A double tells microseconds apart until 2242.
        seconds = np.fromiter(map(datetime.timestamp, self.reported), np.float64, len(self.reported))
        return np.rint(seconds * MICRO).astype(np.int64) - _EPOCH_AT


def columns_of(batch: Sequence[SampleIn]) -> Columns:
    """Turn a batch on its side."""
    # In pieces: zip(*batch) makes an object for each row, and ten thousand of them call the garbage collector.
    columns: list[list[Any]] = [[] for _ in SampleIn._fields]
    for start in range(0, len(batch), _PIECE):
        for column, part in zip(columns, zip(*batch[start : start + _PIECE], strict=True), strict=True):
            column.extend(part)
    return Columns(*columns)


def faults_of_numbers(columns: Columns) -> Iterator[RowFault]:
    """Find epochs and gauges that are no whole numbers from 0 to the largest."""
    yield from _faults("epoch", columns.epochs, 2**15 - 1)
    if columns.figures is not None:
        return
    for name in Gauges._fields:
        largest = LARGEST_BYTES if name == "egress_bytes" else LARGEST
        yield from _faults(f"gauges.{name}", columns.gauge(name), largest, nullable=name in NULLABLE)
    used = [columns.gauge(name) for name in sorted(NULLABLE)]
    if any(None in column for column in used):
        for row, values in enumerate(zip(*used, strict=True)):
            if 0 < values.count(None) < len(values):
                detail = "Use is known for work and platform, cores and memory, or for none of them."
                yield RowFault(row, "gauges", "use_incomplete", detail)


def _are_whole(column: Sequence[Any]) -> bool:
    # A sum of whole numbers is whole, and adding up is the quickest look at all of them.
    try:
        return type(sum(column)) is int
    except TypeError:
        return False


def _faults(name: str, column: Sequence[Any], largest: int, *, nullable: bool = False) -> Iterator[RowFault]:
    if _are_whole(column) and min(column) >= 0 and max(column) <= largest:
        return
    allowed = _MAYBE if nullable else _WHOLE
    for row, value in enumerate(column):
        if type(value) not in allowed:
            yield RowFault(row, name, "not_a_whole_number", f"{name} must be a whole number.")
        elif value is not None and not 0 <= value <= largest:
            code = "negative" if value < 0 else "too_large"
            yield RowFault(row, name, code, f"{name} must be from 0 to {largest}.")


def _is_aware(moment: Any) -> bool:
    return isinstance(moment, datetime) and moment.tzinfo is not None


def faults_of_slots(columns: Columns, *, seconds: int, now: datetime) -> Iterator[RowFault]:
    """Find slots that are no slots, or not begun."""
    newest = micros(now)
    wrong: dict[Any, tuple[str, str]] = {}
    for slot in columns.different_slots:
        if not _is_aware(slot):
            wrong[slot] = ("slot_without_zone", "A slot is a moment in UTC.")
        elif micros(slot) % (seconds * MICRO):
            wrong[slot] = (
                "slot_unaligned",
                f"A slot begins at a whole multiple of {seconds} seconds in UTC.",
            )
        elif micros(slot) > newest:
            wrong[slot] = ("slot_in_future", "This slot has not begun.")
    if wrong:
        for row, slot in enumerate(columns.slots):
            if slot in wrong:
                yield RowFault(row, "slot", *wrong[slot])


def faults_of_reports(columns: Columns) -> Iterator[RowFault]:
    """Find reports without a zone."""
    try:
        if set(map(attrgetter("tzinfo"), columns.reported)) == {UTC}:
            return
    except AttributeError:
        pass
    for row, moment in enumerate(columns.reported):
        if not _is_aware(moment):
            yield RowFault(row, "reported_at", "time_without_zone", "A report's time has its zone.")


def skewed(reported: Array, slots: Array, *, seconds: int) -> list[int]:
    """Return the rows whose report is more than one slot away from theirs."""
    length, away = seconds * MICRO, reported - slots
    return np.flatnonzero((away < -length) | (away >= 2 * length)).tolist()


def outside_life(slots: Array, born: Array, gone: Array, *, seconds: int) -> list[int]:
    """Return the rows whose slot has no moment of their runtime's life."""
    return np.flatnonzero((slots + seconds * MICRO <= born) | (slots >= gone)).tolist()
