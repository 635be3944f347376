"""A preview tells every reason why runtimes can't come along, and stays short where each has one of its own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast
from uuid import uuid4

from provisioner.rollouts.planning import Ineligible, Planned
from provisioner.rollouts.previewing import REASONS, Left, ineligible_of
from provisioner.rollouts.selector import Member


def told(*found: tuple[str, str]) -> list[Left]:
    ones = [Ineligible(member(f"r{number}"), *one) for number, one in enumerate(found)]
    return ineligible_of(cast("Planned", SimpleNamespace(ineligible=ones)))


def member(name: str) -> Member:
    return Member(
        uuid4(), uuid4(), "archipel", "shop", name, "aws", "eu-central-1", "garden", uuid4(), "regular", "2026.1.1", "1.34"
    )  # fmt: skip


def test_two_reasons_of_one_code_are_two_lines_the_more_frequent_first() -> None:
    pinned = (
        ("runtime_pinned", "pinned to 1"),
        ("runtime_pinned", "pinned to 2"),
        ("runtime_pinned", "pinned to 2"),
    )
    assert [(one.reason, one.count, list(one.names), one.passing) for one in told(*pinned)] == [
        ("pinned to 2", 2, ["r1", "r2"], True),
        ("pinned to 1", 1, ["r0"], True),
    ]


def test_many_reasons_of_one_code_are_told_together_beyond_the_first_few() -> None:
    found = told(*(("upgrade_blocked", f"object {number} is in the way") for number in range(40)))
    assert len(found) == REASONS + 1
    assert sum(one.count for one in found) == 40
    assert found[-1].reason == f"{40 - REASONS} other reasons, for example: object {REASONS} is in the way"


def test_one_reason_more_than_the_first_few_is_told_as_it_is() -> None:
    found = told(*(("upgrade_blocked", f"object {number}") for number in range(REASONS + 1)))
    assert found[-1].reason == f"object {REASONS}"
