"""A tenant's days added up: what each meter came to, and how much is known of the days on which it was used. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

_BRACKETS = str.maketrans("{}", "[]")


@dataclass(frozen=True, slots=True)
class Used:
    """How much of a meter: base-unit-seconds (of a counter: base units) of [start, end), observed and inferred apart."""

    account: UUID
    runtime: UUID
    plan: str
    region: str
    meter: str
    dimension: str
    start: datetime
    end: datetime
    quantity: int
    inferred: int
    observed_seconds: int
    inferred_seconds: int
    alive_seconds: int


@dataclass(frozen=True, slots=True)
class _Life:
    """What is known of the days of one life: the days as bits, seconds observed, inferred and lived, and all of it by day."""

    account: UUID
    runtime: UUID
    days: int
    known: tuple[int, int, int]
    by_day: str  # as PostgreSQL writes [[day, observed, inferred, alive], ...]: few ask for it

    def of(self, days: int) -> tuple[int, int, int]:
        """Return the seconds of some of its days."""
        if days == self.days:
            return self.known
        told = orjson.loads(self.by_day.translate(_BRACKETS))
        chosen = [known for day, *known in told if days >> day & 1]
        return tuple(map(sum, zip(*chosen, strict=True)))  # type: ignore[return-value]


def added_up(rows: Iterable[Sequence[Any]], *, start: datetime, end: datetime) -> list[Used]:
    """Return what was used in [start, end), ordered; `rows` are those of `reading_queries.USED`, of meters and of lives."""
    meters, lives = [], dict[Any, _Life]()
    for source, account, plan, region, runtime, meter, dimension, days, *sums, by_day in rows:
        whose = (source, account, plan, region)
        if runtime is None:
            meters.append((whose, meter, dimension, days, sums[0], sums[1]))
        else:
            lives[whose] = _Life(UUID(account), UUID(runtime), days, (sums[0], sums[1], sums[2]), by_day)
    found = []
    for whose, meter, dimension, days, quantity, inferred in meters:
        life = lives[whose]
        keys = (life.account, life.runtime, whose[2], whose[3], meter, dimension)
        found.append(Used(*keys, start, end, quantity, inferred, *life.of(days)))
    return sorted(found, key=_order)


def _order(used: Used) -> tuple[Any, ...]:
    return used.account.int, used.runtime.int, used.plan, used.region, used.meter, used.dimension
