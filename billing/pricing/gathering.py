"""Brings usage items together: however they are cut and in whatever order they come, the same usage gives the same groups."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.pricing.money import split
from billing.pricing.periods import Period
from billing.pricing.types import Problem, Terms, UsageItem

Slice = tuple[
    int, datetime, datetime, int, int, int
]  # of an item: piece, start, end, base units, seconds seen, seconds alive


@dataclass(slots=True)
class Group:
    """What one runtime used of one meter in one piece of the month."""

    piece: int
    account: str
    runtime: str
    plan: str
    region: str
    meter: str
    dimension: str
    start: datetime
    end: datetime
    base: int
    observed: int
    alive: int
    row: int  # the first of its items

    @property
    def place(self) -> tuple[int, str, str, str, str, str, str]:
        """Where it comes among the others."""
        return (self.piece, self.account, self.runtime, self.plan, self.region, self.meter, self.dimension)


def pieces_of(terms: Terms) -> list[Period]:
    """Cut the month wherever prices, credits or commitments begin or end: no line reaches over such a moment."""
    moments = [moment for held in terms.segments for moment in (held.start, held.end)]
    moments += [moment for grant in terms.grants for moment in (grant.starts, grant.expires)]
    return terms.month.cut(moments)


def bills_inferred(terms: Terms, plan: str, moment: datetime) -> bool:
    """Whether the book that prices a plan at a moment bills time that was inferred; a book that names the plan goes before."""
    held = [part for part in terms.segments if part.start <= moment < part.end]
    named = [part for part in held if plan in (part.plans or ())]
    rest = [part for part in held if part.plans is None]
    return any(part.book.bills_inferred for part in (named or rest)[:1])


def gather(items: Iterable[UsageItem], terms: Terms, problems: list[Problem]) -> list[Group]:
    """Return the groups in a fixed order; an item that can't be is left out, as a whole, and noted."""
    pieces = pieces_of(terms)
    starts = [piece.start for piece in pieces]
    first, last = terms.month
    groups: dict[tuple[int, str, str, str, str, str, str], Group] = {}
    for row, item in enumerate(items):
        account, runtime, plan, region, meter, dimension, start, end, quantity, observed, alive = item
        try:
            sound = first <= start < end <= last and quantity >= 0 and 0 <= observed <= alive
            sound = (
                sound and quantity.__class__ is int and observed.__class__ is int and alive.__class__ is int
            )
        except TypeError:
            sound = False
        if not sound:
            problems.append(fault_of(row, item, terms.month))
            continue
        place = bisect_right(starts, start) - 1
        whole: Slice = (place, start, end, quantity, observed, alive)
        cut: Sequence[Slice] = _cut(item, pieces, place) if end > pieces[place].end else (whole,)
        for piece, since, until, base, seen, lived in cut:
            key = (piece, account, runtime, plan, region, meter, dimension)
            group = groups.get(key)
            if group is None:
                groups[key] = Group(*key, since, until, base, seen, lived, row)
                continue
            group.base += base
            group.observed += seen
            group.alive += lived
            group.start = min(group.start, since)
            group.end = max(group.end, until)
    return [groups[key] for key in sorted(groups)]


def _cut(item: UsageItem, pieces: Sequence[Period], place: int) -> Sequence[Slice]:
    """Share an item that reaches over a boundary by time, to the last base unit: who has the hours should give those instead."""
    touched = [number for number in range(place, len(pieces)) if pieces[number].start < item.end]
    spans = [Period(max(item.start, pieces[n].start), min(item.end, pieces[n].end)) for n in touched]
    weights = [span.seconds for span in spans]
    shares = (
        split(item.quantity, weights),
        split(item.observed_seconds, weights),
        split(item.alive_seconds, weights),
    )
    return [
        (number, span.start, span.end, base, seen, lived)
        for number, span, base, seen, lived in zip(touched, spans, *shares, strict=True)
    ]


def fault_of(row: int, item: UsageItem, month: Period) -> Problem:
    """Say what is wrong with an item that can't be rated."""
    for name in ("quantity", "observed_seconds", "alive_seconds"):
        value = getattr(item, name)
        if value.__class__ is not int:
            return Problem(row, name, "not_whole", f"{name} is {value!r}; give a whole number of base units.")
        if value < 0:
            return Problem(
                row, name, "negative", f"{name} is {value}; usage is at least 0, so measure it again."
            )
    for name in ("start", "end"):
        value = getattr(item, name)
        if not isinstance(value, datetime) or value.tzinfo is None:
            return Problem(row, name, "no_time_zone", f"{name} is {value!r}; give a moment with a time zone.")
    if item.start >= item.end:
        return Problem(row, "end", "period_empty", "end must come after start; mend the item's period.")
    if item.observed_seconds > item.alive_seconds:
        detail = "more was seen than there was time; recompute the hours of this runtime."
        return Problem(row, "observed_seconds", "coverage_impossible", detail)
    field, value = ("start", item.start) if item.start < month.start else ("end", item.end)
    detail = f"{value.isoformat()} lies outside the month; rate it with the month that it belongs to."
    return Problem(row, field, "outside_month", detail)
