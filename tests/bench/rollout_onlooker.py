"""Who knows the rules of rollouts but not their scheduler: walks through what began and ended, and counts what broke a rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

Scope = tuple[str, ...]
ENDED, PARDONED, BEGUN = 0, 1, 2  # of one moment, in this order


@dataclass(frozen=True)
class Event:
    """An upgrade that began or ended, or failures that a person forgave: all of `rollout`, or those of `runtimes`."""

    at: datetime
    kind: int
    runtime: UUID | None = None
    rollout: UUID | None = None  # of what ended, nobody need say it: a runtime has one upgrade at a time
    well: bool = True
    runtimes: Collection[UUID] | None = None
    again: bool = False  # they are tried again


@dataclass(frozen=True)
class Rule:
    """What a rollout must keep: its limits, and the scopes of its runtimes."""

    concurrency: Mapping[Scope, int]
    failures: Mapping[Scope, int]
    scopes: Mapping[UUID, Sequence[Scope]]


@dataclass(frozen=True)
class Shut:
    """When a runtime may not begin: outside its window on the wall of a zone, and while it is excluded."""

    window: tuple[str, Collection[str], str, str] | None = None  # zone, days, begin, end
    exclusions: Sequence[tuple[datetime, datetime]] = ()

    def window_holds(self, at: datetime) -> bool:
        """Look at the clock on the wall."""
        if self.window is None:
            return True
        zone, days, begin, end = self.window
        there = at.astimezone(ZoneInfo(zone))
        return f"{there:%a}".lower() in days and begin <= f"{there:%H:%M}" < end

    def excluded(self, at: datetime) -> bool:
        """Look at the calendar."""
        return any(begin <= at < end for begin, end in self.exclusions)


@dataclass
class Onlooker:
    """Counts what broke a rule."""

    rules: Mapping[UUID, Rule]  # by rollout
    shut: Mapping[UUID, Shut]  # by runtime
    counts: Counter[str] = field(default_factory=Counter)
    running: dict[UUID, UUID] = field(default_factory=dict)  # runtime: rollout
    failed: dict[UUID, set[UUID]] = field(
        default_factory=dict
    )  # rollout: runtimes that count against its budget
    tries: Counter[Any] = field(default_factory=Counter)

    def judge(self, events: Sequence[Event]) -> Counter[str]:
        """Return how often each rule was broken."""
        for event in sorted(events, key=lambda event: (event.at, event.kind)):
            (self._ended, self._pardoned, self._begun)[event.kind](event)
        return self.counts

    def _ended(self, event: Event) -> None:
        if event.runtime is None or (rollout := self.running.pop(event.runtime, None)) is None:
            self.counts["unbegun_violated"] += 1
        elif not event.well:
            self.failed.setdefault(rollout, set()).add(event.runtime)

    def _pardoned(self, event: Event) -> None:
        assert event.rollout is not None
        held = self.failed.get(event.rollout, set())
        forgiven = set(held) if event.runtimes is None else held & set(event.runtimes)
        held -= forgiven
        if event.again:
            self.tries.subtract((event.rollout, one) for one in event.runtimes or ())

    def _begun(self, event: Event) -> None:
        runtime, rollout = event.runtime, event.rollout
        assert runtime is not None
        assert rollout is not None
        rule, shut = self.rules[rollout], self.shut.get(runtime, Shut())
        self.counts["exclusive_violated"] += runtime in self.running
        self.running[runtime] = rollout
        self.tries[rollout, runtime] += 1
        at_work = Counter(
            scope for one, whose in self.running.items() if whose == rollout for scope in rule.scopes[one]
        )
        blamed = Counter(scope for one in self.failed.get(rollout, ()) for scope in rule.scopes[one])
        here = rule.scopes[runtime]
        self.counts["concurrency_violated"] += any(
            at_work[scope] > rule.concurrency.get(scope, 10**9) for scope in here
        )
        self.counts["budget_violated"] += any(
            blamed[scope] > rule.failures.get(scope, 10**9) for scope in here
        )
        self.counts["window_violated"] += not shut.window_holds(event.at)
        self.counts["exclusion_violated"] += shut.excluded(event.at)
        self.counts["twice_violated"] += self.tries[rollout, runtime] > 1


def rule_of(rollout: Any) -> Rule:
    """Return what a rollout's rows say that it must keep."""
    from provisioner.rollouts.models import Target

    kept = {kind: {tuple(one[:-1]): int(one[-1]) for one in rollout.limits[kind]} for kind in rollout.limits}
    targets = Target.objects.select_related("lane", "stage").filter(rollout=rollout)
    return Rule(kept["concurrency"], kept["failures"], {one.runtime_id: _scopes(one) for one in targets})


def _scopes(target: Any) -> list[Scope]:
    lane, stage = target.lane, str(target.stage.position)
    return [
        ("rollout",), ("stage", stage), ("group", stage, lane.group), ("landscape", str(lane.landscape_id)),
        ("region", lane.region),
    ]  # fmt: skip
