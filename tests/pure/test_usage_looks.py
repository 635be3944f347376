"""Looks are told apart by bytes that are written for a whole batch at once, whatever stands in the rows beside them."""

from __future__ import annotations

from typing import Any

import pytest

from billing.usage.looks import uses_are_good, written

GOOD: tuple[Any, ...] = ({"vcpu": {"": 4000}}, {"calico": (20, 40)}, 1900, 7000)
OTHER: tuple[Any, ...] = ({"vcpu": {"": 8000}}, {}, 3800, 14000)


def write(*looks: tuple[Any, ...]) -> list[bytes]:
    return written(*map(list, zip(*looks, strict=True)))


def test_a_look_is_written_alike_alone_and_among_others() -> None:
    alone = write(GOOD)
    assert write(GOOD, OTHER, GOOD) == [*alone, *write(OTHER), *alone]
    assert write(GOOD) != write(OTHER)


@pytest.mark.parametrize("bad", [None, [None, 1], {"": None}, {"": float("nan")}, {"": "a,null,b"}])
def test_nothing_that_stands_in_a_look_blurs_where_the_next_begins(bad: Any) -> None:
    row = ({"vcpu": bad}, *GOOD[1:])
    first, between, last = write(GOOD, row, GOOD)
    assert first == last == write(GOOD)[0]
    assert between not in (first, write(OTHER)[0])


def test_what_is_no_plain_value_has_no_bytes_and_spoils_nobody_elses() -> None:
    assert write(GOOD, ({"vcpu": {1: object()}}, {}, 0, 0), OTHER) == [*write(GOOD), b"", *write(OTHER)]


def test_true_and_fractions_are_no_whole_numbers() -> None:
    told = write(*(({"vcpu": {"": level}}, {}, 0, 0) for level in (1, True, 1.0, "1")))
    assert len(set(told)) == 4


@pytest.mark.parametrize(
    "use", [4, {"calico": [1]}, {"calico": (1, -1)}, {"calico": (1, 1.5)}, {"a\0": (1, 1)}, {1: (1, 1)}, {"a": 3}]
)  # fmt: skip
def test_one_bad_use_among_good_ones_is_seen(use: Any) -> None:
    good = {"calico": (20, 40)}
    assert uses_are_good([good, {}, good])
    assert uses_are_good([])
    assert not uses_are_good([good, use, good])
