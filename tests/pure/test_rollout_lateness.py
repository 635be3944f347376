"""Who is surely late for its window: gates whose wait nobody knows let everybody in, and those asked anew wait again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from provisioner.rollouts.assigning import freeze
from provisioner.rollouts.calendars import Calendar
from provisioner.rollouts.lateness import late_of, refuse_all_late
from provisioner.rollouts.plan import parse_plan
from provisioner.rollouts.windows import Exclusion
from tests.pure.test_rollout_plan import NOW, member
from tests.work import refused

DAY = timedelta(days=1)
SOAK = {"kind": "soak", "minutes": 3 * 24 * 60}


def opening(*days: float) -> dict[UUID, Calendar]:
    """Members by their number, each of whom may begin from that day on."""
    return {
        member(number).runtime_id: Calendar([], [Exclusion(NOW - DAY, NOW + day * DAY)], NOW)
        for number, day in enumerate(days)
    }


def late(calendars: Mapping[UUID, Calendar], *stages: Mapping[str, Any]) -> Sequence[int]:
    """How many of each stage are; raises Refused where that is everybody."""
    given = {"stages": [{"name": f"s{number}", **one} for number, one in enumerate(stages)], "order": "name"}
    frozen = freeze(parse_plan(given, now=NOW), [member(number) for number in range(len(calendars))])
    refuse_all_late(frozen, calendars, NOW)
    counts = {one.stage: len(one.members) for one in late_of(frozen, calendars, NOW)}
    return [counts.get(number, 0) for number in range(len(stages))]


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("kind", ["approval", "footprint"])
def test_nobody_is_late_for_sure_from_a_gate_on_whose_wait_nobody_knows(kind: str, side: str) -> None:
    one = {"share": 1, "deadline_hours": 24}
    rest = {"deadline_hours": 24, side: [{"kind": kind}]}
    assert late(opening(4, 4), one, rest) == [1, 0]
    assert late(opening(4, 4, 4), one, {**rest, "share": 1}, {"deadline_hours": 24}) == [1, 0, 0]
    with refused("window_behind_deadline"):
        late(opening(4, 4), one, {"deadline_hours": 24})


@pytest.mark.parametrize("kind", ["soak", "health"])
def test_a_gate_whose_wait_is_known_leaves_them_late(kind: str) -> None:
    gate = {"kind": kind, "minutes": 60}
    with refused("window_behind_deadline"):
        late(opening(4, 4), {"deadline_hours": 24, "before": [gate], "after": [gate]})


def test_whoever_begins_while_a_soak_behind_its_stage_goes_on_has_it_begin_anew_for_the_others() -> None:
    stage = {"deadline_hours": 24, "after": [SOAK]}
    assert late(opening(3, 5, 9), stage) == [1]
    assert late(opening(0, 5, 9), stage) == [2]
