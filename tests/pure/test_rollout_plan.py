"""Selectors, plans and their limits: what is meant comes out, what can't be is refused with the fix."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.kernel.errors import Refused
from provisioner.rollouts.assigning import freeze
from provisioner.rollouts.budget import ROLLOUT, Lane, Limits, Places, choose, parse_amount
from provisioner.rollouts.plan import parse_plan
from provisioner.rollouts.selector import Member, parse_selector
from provisioner.rollouts.states import ROLLOUT_MOVES, STAGE_MOVES, TARGET_MOVES
from tests.work import refused

NOW = datetime(2026, 11, 1, tzinfo=UTC)
KNOWN = {"plan": {"aws", "azure"}, "region": {"eu-central-1", "us-east-1"}, "label": {"tier"}}


def member(number: int, **changes: Any) -> Member:
    fields: dict[str, Any] = {
        "runtime_id": UUID(int=number * 7919 + 1), "tenant_id": UUID(int=number % 5), "tenant": f"t{number % 5}", "account": "a",
        "name": f"r{number}", "plan": "aws", "region": ("eu-central-1", "us-east-1")[number % 2], "landscape": "l",
        "landscape_id": UUID(int=number % 3), "channel": "regular", "release": "2026.9.1", "kubernetes": "1.33.8",
        "labels": {"tier": "gold"} if number % 4 == 0 else {},
    }  # fmt: skip
    return Member(**{**fields, **changes})


def names(text: str) -> set[str]:
    return {one.name for one in map(member, range(8)) if parse_selector(text, KNOWN).matches(one)}


def test_terms_narrow_and_values_widen() -> None:
    assert names("all") == {f"r{n}" for n in range(8)}
    assert names("region=eu-* label.tier=gold") == {"r0", "r4"}
    assert names("region=eu-central-1,us-east-1 label.tier!=gold name=r1,r2") == {"r1", "r2"}
    assert names("kubernetes<1.34 release>=2026.9") == names("all")
    assert names("kubernetes<=1.32") == set()
    assert names("kubernetes=1.33") == names("kubernetes=1.33.8") == names("kubernetes=1.3*") == names("all")
    assert names("kubernetes!=1.33") == names("kubernetes=1.3") == names("kubernetes=1.33.80") == set()


def test_a_cohort_holds_every_smaller_one() -> None:
    members = [member(number) for number in range(2000)]
    small = {one.name for one in members if parse_selector("cohort=10%").matches(one)}
    large = {one.name for one in members if parse_selector("cohort<=30%").matches(one)}
    assert small < large
    assert 150 < len(small) < 250


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("", "selector_empty", "write all"),
        ("regin=eu-central-1", "selector_unknown_key", "Did you mean region?"),
        ("region=eu-central-11", "selector_unknown_value", "Did you mean eu-central-1?"),
        ("label.teir=gold", "selector_unknown_value", "Did you mean tier?"),
        ("cohort=101%", "percent_over_100", "at most 100%"),
        ("cohort=0%", "selector_empty", "at least"),
        ("plan", "selector_malformed", "key=value"),
        ("plan<aws", "selector_malformed", "ordered"),
        ('plan="aws', "selector_malformed", "quotation"),
    ],
)
def test_a_selector_that_can_not_be_meant_is_refused_with_the_fix(text: str, code: str, words: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_selector(text, KNOWN)
    assert caught.value.code == code
    assert words in caught.value.detail


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        ({"max_concurrency": "101%"}, "percent_over_100"),
        ({"max_concurrency": 0}, "amount_zero"),
        ({"max_failures": "lots"}, "amount_invalid"),
        ({"max_concurency": 5}, "plan_invalid"),
        ({"stages": []}, "stages_invalid"),
        ({"stages": [{"name": "a"}, {"name": "a"}]}, "stages_invalid"),
        ({"stages": [{"name": "a", "after": [{"kind": "aproval"}]}]}, "gate_unknown"),
        ({"stages": [{"name": "a", "after": [{"kind": "soak", "minutes": 10**7}]}]}, "gate_never_met"),
        (
            {
                "stages": [
                    {"name": "a", "before": [{"kind": "scheduled_start", "at": "2026-10-01T00:00:00Z"}]}
                ]
            },
            "gate_never_met",
        ),
        ({"stages": [{"name": "a", "before": [{"kind": "scheduled_start", "at": "soon"}]}]}, "gate_invalid"),
        (
            {"stages": [{"name": "a", "after": [{"kind": "health", "healthy_percent": 101}]}]},
            "gate_never_met",
        ),
        ({"stages": [{"name": "a", "after": [{"kind": "approval", "approvers": 0}]}]}, "gate_never_met"),
        ({"stages": [{"name": "a", "after": [{"kind": "approval", "approvers": 1.5}]}]}, "gate_invalid"),
        ({"starts_per_minute": 0}, "plan_invalid"),
        ({"windows": "sometimes"}, "plan_invalid"),
        ({"notice_hours": False}, "plan_invalid"),
        ({"notice_hours": True}, "plan_invalid"),
        (
            {"max_concurrency": "\u0663%"},
            "amount_invalid",
        ),  # digits, but none that a reader of the plan would know
        ({"max_failures": "\u0665"}, "amount_invalid"),
    ],
)
def test_a_plan_that_would_not_come_out_as_meant_is_refused(plan: dict[str, Any], code: str) -> None:
    with refused(code):
        parse_plan(plan, now=NOW)


def test_nobody_may_be_told_beforehand() -> None:
    assert [parse_plan({"notice_hours": hours}, now=NOW).notice_hours for hours in (0, 0.0, None)] == [
        0,
        0,
        None,
    ]


def test_a_gate_that_can_not_be_met_is_named_where_it_stands() -> None:
    late = {"name": "late", "after": [{"kind": "soak", "minutes": 5}, {"kind": "approval", "approvers": 9}]}
    with pytest.raises(Refused) as caught:
        parse_plan({"stages": [{"name": "canary", "share": 1}, late]}, now=NOW)
    assert caught.value.errors[0].field == "stages.1.after.1.approvers"


@pytest.mark.parametrize(
    ("stage", "code", "field", "fix"),
    [
        ({"select": "region=eu-centrl-1"}, "selector_unknown_value", "select", "Did you mean eu-central-1?"),
        ({"select": "regoin=eu-central-1"}, "selector_unknown_key", "select", "Did you mean region?"),
        (
            {"groups": [{"name": "g", "select": "label.teir=gold", "max_concurrency": 1}]},
            "selector_unknown_value",
            "groups.0.select",
            "Did you mean tier?",
        ),
        (
            {"groups": [{"name": "g", "select": "plan=aws"}, {"name": " g", "select": "plan=azure"}]},
            "stages_invalid",
            "groups",
            "name them apart",
        ),
    ],
)
def test_a_limit_that_would_hold_of_nobody_is_refused_where_it_stands(
    stage: dict[str, Any], code: str, field: str, fix: str
) -> None:
    with pytest.raises(Refused) as caught:
        parse_plan({"stages": [{"name": "rest", **stage}]}, now=NOW, words=KNOWN)
    assert (caught.value.code, caught.value.errors[0].field) == (code, f"stages.0.{field}")
    assert fix in caught.value.detail


def test_what_is_left_out_is_safe() -> None:
    frozen = freeze(parse_plan({}, now=NOW), [member(number) for number in range(1000)])
    assert [stage.name for stage in frozen.stages] == ["canary", "1 %", "10 %", "rest"]
    assert Counter(place.stage for place in frozen.places) == {0: 5, 1: 10, 2: 100, 3: 885}
    assert (frozen.concurrency[ROLLOUT], frozen.failures[ROLLOUT]) == (100, 20)
    assert frozen.failures["stage", "0"] == 0


def test_a_small_fleet_leaves_out_the_stages_that_the_default_can_not_fill() -> None:
    frozen = freeze(parse_plan({}, now=NOW), [member(number) for number in range(3)])
    assert [stage.name for stage in frozen.stages] == ["canary"]


def test_a_stage_without_targets_or_members_without_a_stage_are_refused() -> None:
    members = [member(number) for number in range(4)]
    with refused("stage_without_targets"):
        freeze(
            parse_plan({"stages": [{"name": "a", "select": "plan=azure"}, {"name": "rest"}]}, now=NOW),
            members,
        )
    with refused("members_without_stage"):
        freeze(parse_plan({"stages": [{"name": "a", "share": 2}]}, now=NOW), members)
    with refused("selection_empty"):
        freeze(parse_plan({}, now=NOW), [])


def test_whoever_can_not_come_along_for_now_is_no_canary() -> None:
    members = [member(number) for number in range(40)]
    usual = [place.member.runtime_id for place in freeze(parse_plan({}, now=NOW), members).places]
    frozen = freeze(parse_plan({}, now=NOW), members, last=usual[:5])
    assert [place.member.runtime_id for place in frozen.places] == [*usual[5:], *usual[:5]]


def test_a_group_over_its_own_budget_stands_still_and_the_others_go_on() -> None:
    groups = [{"name": "gold", "select": "label.tier=gold", "max_concurrency": 9, "max_failures": "10%"}]
    plan = parse_plan({"stages": [{"name": "all", "groups": groups}], "max_failures": "100%"}, now=NOW)
    frozen = freeze(plan, [member(number) for number in range(80)])
    gold = ("group", "0", "gold")
    assert (frozen.concurrency[gold], frozen.failures[gold]) == (9, 2), "of the twenty that are in it"
    fine, over = Lane(1, "0", "gold", "l", "r", blamed=2), Lane(1, "0", "gold", "l", "r", blamed=3)
    other, limits = Lane(2, "0", "", "l", "r"), Limits({}, frozen.failures)
    assert Places([fine, other], limits).take(fine)
    places = Places([over, other], limits)
    assert (places.take(over), places.take(other)) == (False, True)
    assert places.waits_for(over) == ("over_budget", "over budget: 3 failed in its group, 2 may")
    with refused("percent_over_100"):
        parse_plan({"stages": [{"name": "all", "groups": [{**groups[0], "max_failures": "101%"}]}]}, now=NOW)


def test_the_same_members_come_in_the_same_order_whoever_asks() -> None:
    members = [member(number) for number in range(50)]
    plan = parse_plan({}, now=NOW)
    places = [place.member.name for place in freeze(plan, members, salt="x").places]
    assert places == [place.member.name for place in freeze(plan, members[::-1], salt="x").places]
    assert places != [place.member.name for place in freeze(plan, members, salt="y").places]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 100_000), st.integers(0, 10_000))
def test_rounding_never_exceeds_a_budget(members: int, hundredths: int) -> None:
    amount = parse_amount(f"{hundredths / 100:.2f}%", "x", positive=False)
    assert amount.of(members, least=0) <= members * hundredths / 10_000 + 1e-6


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_places_are_taken_in_order_and_never_beyond_any_limit(data: st.DataObject) -> None:
    lanes = {
        number: Lane(
            number,
            str(number % 2),
            "",
            f"l{number % 3}",
            f"r{number % 2}",
            active=data.draw(st.integers(0, 2)),
        )
        for number in range(6)
    }
    limits = {
        scope: data.draw(st.integers(0, 6))
        for lane in lanes.values()
        for scope in lane.scopes()
        if data.draw(st.booleans())
    }
    before = Counter(scope for lane in lanes.values() for scope in lane.scopes() for _ in range(lane.active))
    candidates = [(number, data.draw(st.integers(0, 5))) for number in range(data.draw(st.integers(0, 30)))]
    chosen = choose(Places(lanes.values(), Limits(limits, {})), lanes, candidates, 1000)
    lane_of = dict(candidates)
    after = before + Counter(scope for one in chosen for scope in lanes[lane_of[one]].scopes())
    assert all(after[scope] <= max(limit, before[scope]) for scope, limit in limits.items())
    for (
        one,
        lane,
    ) in candidates:  # who was passed by had no place left in the end either: nobody waits for nothing
        if one not in chosen:
            assert any(after[scope] >= limits[scope] for scope in lanes[lane].scopes() if scope in limits)


def test_every_state_can_be_left_or_is_an_end() -> None:
    for moves in (ROLLOUT_MOVES, STAGE_MOVES, TARGET_MOVES):
        states = set(type(next(iter(moves))))
        assert set(moves) == states
        assert all(after <= states for after in moves.values())
