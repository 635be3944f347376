"""A finding rests on enough time and names its numbers; each kind has a bound that it begins at."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest

from billing.footprint.judging import Action, Kind, Resource, Stretch, judge

DAY = 86400


def stretch(days: int = 7, *, cpu: Resource, memory: Resource | None = None, known: int = 100) -> Stretch:
    seen = days * DAY * known // 100
    return Stretch(
        UUID(int=1), 1, UUID(int=2), UUID(int=3), days, date(2026, 5, 1), date(2026, 5, days), days * DAY, seen, seen,
        cpu, memory or Resource(1000, 500, 500, 0),
    )  # fmt: skip


def kinds(one: Stretch) -> list[tuple[Kind, Action, str, int]]:
    return [(found.kind, found.action, found.resource, found.percent) for found in judge(one)]


EMPTY = Resource(1000, 0, 5, 40)


def test_a_runtime_without_work_is_idle_and_later_a_zombie() -> None:
    assert not kinds(stretch(2, cpu=EMPTY, memory=EMPTY))
    assert kinds(stretch(3, cpu=EMPTY, memory=EMPTY)) == [(Kind.IDLE, Action.HIBERNATE, "", 0)]
    assert kinds(stretch(10, cpu=EMPTY, memory=EMPTY)) == [(Kind.ZOMBIE, Action.DELETE, "", 0)]


def test_a_single_request_makes_it_no_zombie() -> None:
    asked = Resource(1000, 1, 5, 40)
    assert kinds(stretch(10, cpu=asked, memory=EMPTY)) == [
        (Kind.OVERSIZED, Action.SHRINK, "", 4),
    ]


def test_use_without_requests_makes_it_no_zombie() -> None:
    used = Resource(1000, 0, 400, 40)
    assert Kind.ZOMBIE not in {kind for kind, *_ in kinds(stretch(10, cpu=used, memory=EMPTY))}


@pytest.mark.parametrize(("used", "found"), [(239, [Kind.OVERSIZED]), (300, [])])
def test_nodes_are_too_large_where_little_is_taken_of_both(used: int, found: list[Kind]) -> None:
    few, none = Resource(1000, used, used, 69), Resource(1000, 100, 100, 0)
    assert [kind for kind, *_ in kinds(stretch(cpu=few, memory=none))] == found


@pytest.mark.parametrize(("used", "found"), [(849, []), (850, [Kind.STARVED])])
def test_a_runtime_starves_near_what_nodes_can_give(used: int, found: list[Kind]) -> None:
    assert [kind for kind, *_ in kinds(stretch(cpu=Resource(1000, used, used, 0)))] == found


@pytest.mark.parametrize(("used", "found"), [(599, []), (600, [Kind.NOISY])])
def test_a_runtime_is_noisy_beyond_what_it_asked_for(used: int, found: list[Kind]) -> None:
    assert [kind for kind, *_ in kinds(stretch(cpu=Resource(1000, 500, used, 0)))] == found


def test_little_known_time_says_nothing() -> None:
    assert kinds(stretch(10, cpu=EMPTY, memory=EMPTY, known=50))
    assert not kinds(stretch(10, cpu=EMPTY, memory=EMPTY, known=49))


def test_unknown_use_is_no_idleness() -> None:
    assert not kinds(replace(stretch(10, cpu=EMPTY, memory=Resource(1000, 0, 0, 400)), used_seconds=0))


def test_use_told_in_half_of_the_time_is_held_against_half_of_the_nodes() -> None:
    half = replace(stretch(cpu=Resource(1000, 600, 430, 0)), used_seconds=7 * DAY // 2)
    assert (Kind.STARVED, Action.GROW, "cpu", 86) in kinds(half)


def test_little_use_is_not_noisy_however_little_was_asked_for() -> None:
    assert not kinds(stretch(cpu=Resource(1000, 10, 90, 300)))
    assert [kind for kind, *_ in kinds(stretch(cpu=Resource(1000, 10, 100, 300)))] == [Kind.NOISY]


def test_a_runtime_without_nodes_is_not_idle() -> None:
    none = Resource(0, 0, 0, 0)
    assert not kinds(stretch(10, cpu=none, memory=none))
