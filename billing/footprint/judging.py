"""Finds runtimes that stand idle, are too large, or have too little, by the numbers of some days. Pure.

A finding suggests and never acts. It rests on observed time, and is silent where less than half of the time is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

STRETCH_DAYS = 14  # what is looked at
IDLE_DAYS, ZOMBIE_DAYS = 3, 10  # days seen, at least, before anything is said about them
_KNOWN_PERCENT = 50
_IDLE_USE_PERCENT = 1  # of what the nodes can give
_LARGE_PERCENT = 30  # work and platform together leave the rest
_NEAR_PERCENT = 85  # of what the nodes can give
_NOISY_PERCENT = 120  # of what was asked for
_NOTABLE_PERCENT = 10  # of what the nodes can give: below, more than asked for troubles nobody


class Kind(StrEnum):
    """What is the matter."""

    ZOMBIE = "zombie"  # nothing has asked for anything for long
    IDLE = "idle"  # nothing asks for anything
    OVERSIZED = "oversized"  # most of its nodes is idle
    STARVED = "starved"  # work uses nearly all the nodes can give
    NOISY = "noisy"  # work uses more than it asked for


class Action(StrEnum):
    """What a person might do about it."""

    DELETE = "delete"
    HIBERNATE = "hibernate"
    SHRINK = "smaller machines"
    GROW = "larger machines"
    REQUEST = "raise requests"


class Resource(NamedTuple):
    """Sums of level x seconds over the stretch: millicores or MiB."""

    allocatable: int
    requested: int  # by work
    used: int  # by work
    platform_used: int


@dataclass(frozen=True)
class Stretch:
    """What some days held."""

    runtime: UUID
    source: int
    tenant_id: UUID
    account: UUID
    days: int
    first: date
    last: date
    alive_seconds: int
    observed_seconds: int
    used_seconds: int
    cpu: Resource
    memory: Resource


@dataclass(frozen=True)
class Finding:
    """One thing that a person should look at; `percent` of `measure` is what it rests on, `limit` where it begins."""

    stretch: Stretch
    kind: Kind
    action: Action
    resource: str  # "cpu", "memory" or "" where it is both
    percent: int
    limit: int
    sentence: str


def judge(stretch: Stretch) -> Iterator[Finding]:
    """Yield what is the matter with a runtime, the gravest first; nothing where too little is known."""
    known = stretch.observed_seconds * 100 >= stretch.alive_seconds * _KNOWN_PERCENT
    if (
        not stretch.observed_seconds or not known or not stretch.cpu.allocatable
    ):  # without nodes nothing stands idle
        return
    both = (stretch.cpu, stretch.memory)
    if stretch.days >= IDLE_DAYS and stretch.used_seconds and not any(one.requested for one in both):
        share = max(_percent(one.used, _told(one.allocatable, stretch)) for one in both)
        if share <= _IDLE_USE_PERCENT:
            yield _unused(stretch, share)
            return
    if stretch.days >= IDLE_DAYS and (large := _oversized(stretch)):
        yield large
    if stretch.used_seconds:
        yield from _short_of(stretch, "cpu", "processors", stretch.cpu)
        yield from _short_of(stretch, "memory", "memory", stretch.memory)


def _unused(stretch: Stretch, share: int) -> Finding:
    told = f"On {stretch.days} days seen nothing of yours asked for anything, and use stayed at {share} % of the nodes"
    if stretch.days >= ZOMBIE_DAYS:
        sentence = f"{told}. Delete it, if nobody needs it any more."
        return Finding(stretch, Kind.ZOMBIE, Action.DELETE, "", share, _IDLE_USE_PERCENT, sentence)
    sentence = f"{told}. Suspend it until it is needed: its nodes then cost nothing."
    return Finding(stretch, Kind.IDLE, Action.HIBERNATE, "", share, _IDLE_USE_PERCENT, sentence)


def _oversized(stretch: Stretch) -> Finding | None:
    share = max(
        _percent(max(one.requested, one.used) + one.platform_used, one.allocatable)
        for one in (stretch.cpu, stretch.memory)
    )
    if share > _LARGE_PERCENT:
        return None
    sentence = (
        f"Work and platform took at most {share} % of the nodes, of processors and of memory, on {stretch.days} days seen. "
        "Smaller or fewer machines would do."
    )
    return Finding(stretch, Kind.OVERSIZED, Action.SHRINK, "", share, _LARGE_PERCENT, sentence)


def _short_of(stretch: Stretch, resource: str, noun: str, one: Resource) -> Iterator[Finding]:
    share = _percent(one.used + one.platform_used, _told(one.allocatable, stretch))
    if share >= _NEAR_PERCENT:
        sentence = (
            f"On average {share} % of the {noun} that the nodes can give were used: peaks find none left."
        )
        yield Finding(stretch, Kind.STARVED, Action.GROW, resource, share, _NEAR_PERCENT, sentence)
    asked = _told(one.requested, stretch)
    share = _percent(one.used, asked)
    notable = _percent(one.used, one.allocatable) >= _NOTABLE_PERCENT
    if asked and notable and share >= _NOISY_PERCENT:
        sentence = (
            f"Your work used {share} % of the {noun} it asked for: full nodes slow it down or evict it first."
        )
        yield Finding(stretch, Kind.NOISY, Action.REQUEST, resource, share, _NOISY_PERCENT, sentence)


def _told(amount: int, stretch: Stretch) -> int:
    """Of what stood all the observed time, the part in which use was told: the two are held against each other."""
    return amount * stretch.used_seconds // stretch.observed_seconds


def _percent(part: int, whole: int) -> int:
    return part * 100 // whole if whole else 0
