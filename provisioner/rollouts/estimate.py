"""When a rollout will be done: an interval, from how long upgrades took. Pure; the same inputs give the same answer.

Each of `ROUNDS` imagined futures draws durations from the past (bootstrap: B. Efron, Annals of Statistics 7, 1979) and schedules
them as `ideal` does; the interval is between the 10th and the 90th percentile of their ends. Of a long stage only the beginning
and the end are imagined: between them a full stage's pace is its places over the mean duration, while windows are open
(`estimate_windows`); and of very many places a smaller fleet with as many fewer places. Limits of landscapes, regions and groups
make a stage as slow as its most crowded one (`estimate_places`): its places are then no whole number, and everything takes longer
by what rounding up gave away. Windows are asked of the moment at which a stage begins, and again of every moment at which a place
is free.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import fmean

from provisioner.rollouts.calendars import Party
from provisioner.rollouts.estimate_places import AT_ONCE
from provisioner.rollouts.estimate_windows import dealt, flowed, streams
from provisioner.rollouts.ideal import Job, schedule

ROUNDS = 20
MOST_PLACES = 50
MOST_IMAGINED = 150  # members of a stage: three times the places
NOTHING_KNOWN = (
    300.0,
    600.0,
    900.0,
    1800.0,
)  # seconds: an upgrade of a minor version, by Gardener's documentation


Waits = Callable[[float], float]  # from a moment, in seconds from now, how many seconds it takes at the least


def nothing(_at: float) -> float:
    """Nothing is waited for."""
    return 0.0


@dataclass(frozen=True)
class StageLeft:
    """What is left of one stage."""

    members: int  # not begun
    running: Sequence[float] = ()  # seconds that those at work have taken already
    places: float = 1  # that it is as fast as: `estimate_places`
    bound: str = AT_ONCE  # the limit that this is
    parties: Sequence[Party] = ()  # of these members, those who may not begin at any time
    deadline: float = math.inf  # seconds from its beginning: whose window opens only later is left behind
    before: Waits = nothing  # what is known of its gates before
    behind: Waits = nothing  # and of those behind it
    starts_per_second: float | None = None


@dataclass(frozen=True)
class Estimate:
    """The interval in which the rollout ends, most likely at `likely`; `bound_by` says what it waits for most."""

    low: datetime
    likely: datetime
    high: datetime
    bound_by: str


def estimate(stages: Sequence[StageLeft], past: Sequence[float], now: datetime, *, seed: int = 0) -> Estimate:
    """Return when all stages are done; `past` are seconds that upgrades like these took."""
    drawn = random.Random(seed)  # noqa: S311 - no secret
    known = [max(0.1, seconds) for seconds in past] or list(NOTHING_KNOWN)
    ends = sorted(_end_of(stages, known, drawn) for _ in range(ROUNDS))
    low, likely, high = (ends[int(len(ends) * share)] for share in (0.1, 0.5, 0.9))
    return Estimate(
        now + timedelta(seconds=low),
        now + timedelta(seconds=likely),
        now + timedelta(seconds=high),
        _bound_by(stages, known, seed),
    )


def _end_of(stages: Sequence[StageLeft], known: Sequence[float], drawn: random.Random) -> float:
    """Return when the last stage ends: each begins when the one before has, and what was waited for is waited for once."""
    at = 0.0
    for stage in stages:
        at += stage.before(at)
        at = _stage_end(stage, known, drawn, at)
        at += stage.behind(at)
    return at


def _stage_end(stage: StageLeft, known: Sequence[float], drawn: random.Random, at: float) -> float:
    """Return when a stage that begins at a moment ends."""
    sample = drawn.choices(known, k=len(known))
    mean = fmean(sample)
    taken = min(stage.places, max(1, stage.members + len(stage.running)))
    scale = max(1.0, taken / MOST_PLACES)
    exact, members = taken / scale, round(stage.members / scale)
    places = max(1, math.ceil(exact - 1e-9))
    slower = max(1.0, min(places, max(1, members)) / exact)
    rate = stage.starts_per_second / scale if stage.starts_per_second else None
    imagined = min(members, max(MOST_IMAGINED, 3 * places))
    until = at + stage.deadline
    one_by_one = imagined == members
    mays = dealt(stage.parties, members, scale, at) if one_by_one else [None] * imagined
    jobs = [Job(slower * drawn.choice(sample), ("places",), opens=at, may=may) for may in mays]
    running = list(stage.running)[: max(1, round(len(stage.running) / scale))]
    busy = [(at + _remaining(passed, sample, drawn), ("places",)) for passed in running]
    limits: dict[object, int] = {"places": max(places, len(busy))}
    made = schedule(jobs, limits, begins_at=at, busy=busy, starts_per_second=rate, until=until).makespan
    if one_by_one:
        return made
    each = max(mean / exact, 1 / rate if rate else 0.0)
    return flowed(streams(stage.parties, members, scale, at), at, each, until) + made - at - imagined * each


def _remaining(taken: float, sample: Sequence[float], drawn: random.Random) -> float:
    """Draw among the durations that are longer than what has passed; beyond all of them, a tenth more."""
    longer = [seconds - taken for seconds in sample if seconds > taken]
    return drawn.choice(longer) if longer else taken * 0.1


def _bound_by(stages: Sequence[StageLeft], known: Sequence[float], seed: int) -> str:
    mean = fmean(known)
    waits = {
        "windows": _held_by_windows(stages, known, seed),
        "gates": sum(stage.before(0.0) + stage.behind(0.0) for stage in stages),
        "the start rate": sum(
            stage.members / stage.starts_per_second for stage in stages if stage.starts_per_second
        ),
    }
    for stage in stages:
        waits[stage.bound] = waits.get(stage.bound, 0.0) + stage.members * mean / stage.places
    return max(waits, key=lambda name: waits[name]) if any(waits.values()) else "upgrades that have begun"


def _held_by_windows(stages: Sequence[StageLeft], known: Sequence[float], seed: int) -> float:
    """Return by how much later the same future ends than if everybody could begin at any time."""
    if not any(stage.parties for stage in stages):
        return 0.0
    at_any_time = [replace(stage, parties=()) for stage in stages]
    later, sooner = (
        _end_of(one, known, random.Random(seed))  # noqa: S311 - no secret
        for one in (stages, at_any_time)
    )
    return max(0.0, later - sooner)
