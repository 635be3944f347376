"""The schedule that a scheduler without any delay would make of known durations: greedy list scheduling. Pure.

A place that becomes free is taken at that very moment by the first member in order whose every scope has one (R. L. Graham,
Bounds on Multiprocessing Timing Anomalies, 1969). Stages follow one another; a bucket may hold starts back; whose window shuts
before a place is free waits for the next one. It measures the overhead of the real one, and carries the estimate of when a
rollout ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from math import inf

from provisioner.rollouts.calendars import May


@dataclass(frozen=True)
class Job:
    """One member: how long it takes, the scopes it takes a place in, and the first second at which it may begin."""

    seconds: float
    scopes: tuple[object, ...] = ()
    opens: float = 0.0
    may: May | None = None  # when it may begin, where that is not at any time from `opens` on


@dataclass(frozen=True)
class Ideal:
    """When each job begins and ends, in seconds from the start, by the order given; what was left out has neither."""

    makespan: float
    begins: tuple[float, ...] = field(repr=False)
    ends: tuple[float, ...] = field(repr=False)


def schedule(
    jobs: Sequence[Job],
    limits: Mapping[object, int],
    *,
    begins_at: float = 0.0,
    busy: Sequence[tuple[float, tuple[object, ...]]] = (),
    starts_per_second: float | None = None,
    until: float = inf,
) -> Ideal:
    """Schedule one stage; `busy` are members at work already: when they end, and their scopes.

    Whose window opens only behind `until`, or never, is left out: it is waited for until then.
    """
    stage = _Stage(jobs, limits, begins_at, busy, starts_per_second)
    stage.until = until
    return stage.run()


def schedule_stages(
    stages: Sequence[Sequence[Job]], limits: Sequence[Mapping[object, int]], pauses: Sequence[float] = ()
) -> float:
    """Return the seconds until the last of these stages has ended; each may be followed by a pause."""
    now = 0.0
    for number, (jobs, allowed) in enumerate(zip(stages, limits, strict=True)):
        now = schedule(jobs, allowed, begins_at=now).makespan
        now += pauses[number] if number < len(pauses) else 0.0
    return now


class _Stage:
    def __init__(
        self,
        jobs: Sequence[Job],
        limits: Mapping[object, int],
        begins_at: float,
        busy: Sequence[tuple[float, tuple[object, ...]]],
        rate: float | None,
    ) -> None:
        self.jobs, self.rate, self.now = jobs, rate, begins_at
        self.free = dict(limits)
        self.begins = [0.0] * len(jobs)
        self.ends = [0.0] * len(jobs)
        self.running: list[tuple[float, tuple[object, ...]]] = sorted(busy, key=lambda one: one[0])
        for _end, scopes in busy:
            self._occupy(scopes, -1)
        self.coming = [(job.opens, number) for number, job in enumerate(jobs)]
        heapify(self.coming)
        self.until, self.left_out = inf, False
        self.windows = any(job.may is not None for job in jobs)
        self.queues: dict[tuple[object, ...], list[int]] = {}
        self.next_start = begins_at

    def run(self) -> Ideal:
        """Go from event to event."""
        last = self.now
        while self.coming or self.running or any(self.queues.values()):
            self._admit()
            self._start()
            moment = self._next()
            if moment is None:
                break
            self.now = moment
            while self.running and self.running[0][0] <= self.now:
                end, scopes = heappop(self.running)
                last = max(last, end)
                self._occupy(scopes, +1)
        last = max([last, *self.ends])
        if self.left_out and self.until < inf:
            last = max(last, self.until)
        return Ideal(last, tuple(self.begins), tuple(self.ends))

    def _admit(self) -> None:
        while self.coming and self.coming[0][0] <= self.now:
            number = heappop(self.coming)[1]
            if not (self.windows and self._is_shut(number)):
                heappush(self.queues.setdefault(self.jobs[number].scopes, []), number)

    def _is_shut(self, number: int) -> bool:
        """Whether a job may not begin now: then it comes again when it may, if that is not too late."""
        may = self.jobs[number].may
        if may is None or (begin := may(self.now)[0]) <= self.now:
            return False
        if begin <= self.until and begin < inf:
            heappush(self.coming, (begin, number))
        else:
            self.left_out = True
        return True

    def _start(self) -> None:
        while self.rate is None or self.next_start <= self.now:
            heads = [queue[0] for scopes, queue in self.queues.items() if queue and self._fits(scopes)]
            if not heads:
                return
            number = min(heads)
            job = self.jobs[number]
            heappop(self.queues[job.scopes])
            if self.windows and self._is_shut(number):
                continue
            self._occupy(job.scopes, -1)
            self.begins[number], self.ends[number] = self.now, self.now + job.seconds
            heappush(self.running, (self.now + job.seconds, job.scopes))
            if self.rate is not None:
                self.next_start = max(self.next_start, self.now) + 1 / self.rate

    def _next(self) -> float | None:
        moments = [self.running[0][0]] if self.running else []
        if self.coming:
            moments.append(self.coming[0][0])
        if self.rate is not None and self.next_start > self.now and any(self.queues.values()):
            moments.append(self.next_start)
        return max(self.now, min(moments)) if moments else None

    def _fits(self, scopes: tuple[object, ...]) -> bool:
        return all(self.free.get(scope, 1) > 0 for scope in scopes)

    def _occupy(self, scopes: tuple[object, ...], change: int) -> None:
        for scope in scopes:
            if scope in self.free:
                self.free[scope] += change
