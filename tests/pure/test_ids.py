"""Ids sort by when they were made, within a millisecond too, and say nothing else."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from controlplane.kernel.ids import uuid7

MOMENTS = st.integers(10**18, 4 * 10**18)


def made_at(moment: int) -> int:
    with patch("time.time_ns", return_value=moment):
        return uuid7().int


@given(MOMENTS, st.integers(250, 10**10))
def test_what_was_made_later_sorts_behind(moment: int, passed: int) -> None:
    assert made_at(moment) < made_at(moment + passed)


@given(MOMENTS)
def test_an_id_is_a_version_7_of_its_millisecond(moment: int) -> None:
    with patch("time.time_ns", return_value=moment):
        made = uuid7()
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == moment // 1_000_000
    assert made_at(moment) != made_at(moment)
