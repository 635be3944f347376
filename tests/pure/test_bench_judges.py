"""What benchmarks count as broken: their judges see it when it happens."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from provisioner.findings.rules.registry import all_rules, blocking_rules
from tests.bench import fleet_rows
from tests.bench.freshness import nearest_rank
from tests.bench.rollout_onlooker import BEGUN, ENDED, PARDONED, Event, Onlooker, Rule, Shut
from tests.bench.rollout_recovery import Doings, doings


def line(operation: str, fence: int, what: str) -> tuple[str, ...]:
    return (operation, "upgrade", str(fence), "1", what)


def test_a_step_done_by_a_worker_whose_lease_was_taken_over_is_done_twice() -> None:
    lines = [line("a", 1, "begins"), line("a", 2, "begins"), line("a", 1, "done"), line("a", 2, "done")]
    assert doings(lines, {"a": 2}) == Doings(outlived=1, after_commit=0, uncommitted=0, noted=2)


def test_a_step_done_again_after_its_end_was_committed_is_done_twice() -> None:
    lines = [line("a", 1, "begins"), line("a", 1, "done"), line("a", 2, "begins"), line("a", 2, "done")]
    assert doings(lines, {"a": 1}) == Doings(outlived=0, after_commit=1, uncommitted=0, noted=2)


def test_a_step_whose_end_was_lost_with_its_worker_is_told_apart() -> None:
    lines = [line("a", 1, "begins"), line("a", 1, "done"), line("a", 2, "begins"), line("a", 2, "done")]
    assert doings(lines, {"a": 2}) == Doings(outlived=0, after_commit=0, uncommitted=1, noted=2)
    once = [line("b", 1, "begins"), line("b", 1, "done")]
    assert doings(once, {"b": 1}) == Doings(outlived=0, after_commit=0, uncommitted=0, noted=1)


def test_the_99th_percentile_is_the_nearest_rank_and_never_one_below() -> None:
    assert nearest_rank(range(1, 151), 99) == 149
    assert nearest_rank(range(1, 101), 99) == 99
    assert nearest_rank([7.0], 99) == 7.0


NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)
ONE, OTHER, FIRST, RIVAL = (UUID(int=number) for number in range(1, 5))
SCOPES = {ONE: [("rollout",)], OTHER: [("rollout",)]}
RULES = {
    FIRST: Rule({("rollout",): 1}, {("rollout",): 0}, SCOPES),
    RIVAL: Rule({("rollout",): 9}, {("rollout",): 9}, SCOPES),
}


def begun(runtime: UUID, minute: int, rollout: UUID = FIRST) -> Event:
    return Event(NOW + timedelta(minutes=minute), BEGUN, runtime, rollout)


def ended(runtime: UUID, minute: int, *, well: bool = True) -> Event:
    return Event(NOW + timedelta(minutes=minute), ENDED, runtime, well=well)


def broken(*events: Event, shut: Mapping[UUID, Shut] | None = None) -> set[str]:
    return set(+Onlooker(RULES, shut or {}).judge(events))


def test_the_onlooker_sees_every_rule_of_a_rollout_that_is_broken() -> None:
    assert broken(begun(ONE, 0), ended(ONE, 5), begun(OTHER, 5)) == set()
    assert broken(begun(ONE, 0), begun(OTHER, 4)) == {"concurrency_violated"}
    assert broken(begun(ONE, 0), begun(ONE, 4, RIVAL)) == {"exclusive_violated"}
    assert broken(begun(ONE, 0), ended(ONE, 1), begun(ONE, 2)) == {"twice_violated"}
    assert broken(ended(ONE, 1)) == {"unbegun_violated"}
    night, holidays = (
        Shut(("Europe/Berlin", {"fri"}, "01:30", "04:45")),
        Shut(None, [(NOW, NOW + timedelta(1))]),
    )
    assert broken(begun(ONE, 0), shut={ONE: night}) == {"window_violated"}
    assert broken(begun(ONE, 0), shut={ONE: holidays}) == {"exclusion_violated"}


def test_the_onlooker_forgives_what_a_person_forgave_and_no_more() -> None:
    failed = begun(ONE, 0), ended(ONE, 1, well=False)
    again = Event(NOW + timedelta(minutes=2), PARDONED, rollout=FIRST, runtimes=[ONE], again=True)
    accepted = Event(NOW + timedelta(minutes=2), PARDONED, rollout=FIRST)
    assert broken(*failed, begun(OTHER, 3)) == {"budget_violated"}
    assert broken(*failed, accepted, begun(OTHER, 3)) == set()
    assert broken(*failed, accepted, begun(ONE, 3)) == {"twice_violated"}
    assert broken(*failed, again, begun(ONE, 3)) == set()


def test_the_fleet_pages_benchmark_makes_findings_of_rules_that_there_are() -> None:
    assert {rule for rule, _ in fleet_rows.RULES} <= all_rules().keys()
    assert {rule for rule, severity in fleet_rows.RULES if severity == "blocking"} <= blocking_rules().keys()
