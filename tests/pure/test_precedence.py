"""A worker's process takes what people wait for before what goes on in the background, and starves neither."""

from __future__ import annotations

from datetime import timedelta

from provisioner.operations.precedence import (
    BEHIND_FIRST,
    KEPT_WAITING,
    RUSH_CLAIMS,
    RUSH_SECONDS,
    Precedence,
)

AT_ONCE = timedelta(0)


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def rushed(clock: Clock, *, apart: float = 0.0) -> Precedence:
    precedence = Precedence(clock)
    for _ in range(RUSH_CLAIMS):
        precedence.note_front()
        clock.now += apart
    return precedence


def test_whoever_claimed_nothing_of_late_takes_the_background_at_once() -> None:
    assert Precedence(Clock()).late == AT_ONCE


def test_a_few_claims_are_no_rush() -> None:
    precedence = Precedence(Clock())
    for _ in range(RUSH_CLAIMS - 1):
        precedence.note_front()
    assert precedence.late == AT_ONCE


def test_in_a_rush_only_what_was_kept_waiting_is_taken() -> None:
    assert rushed(Clock()).late == KEPT_WAITING


def test_claims_that_come_seldom_are_no_rush() -> None:
    assert rushed(Clock(), apart=RUSH_SECONDS).late == AT_ONCE


def test_a_rush_is_over_soon_after_its_last_claims() -> None:
    clock = Clock()
    precedence = rushed(clock)
    clock.now += RUSH_SECONDS
    assert precedence.late == AT_ONCE


def test_one_claim_in_eight_looks_first_for_what_was_kept_waiting() -> None:
    precedence = Precedence(Clock())
    assert [precedence.begins_behind() for _ in range(3 * BEHIND_FIRST)].count(True) == 3


def test_nothing_is_kept_waiting_for_longer_than_half_a_minute_before_it_is_looked_for() -> None:
    assert timedelta(seconds=30) >= KEPT_WAITING
