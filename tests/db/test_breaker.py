"""A landscape's circuit breaker: it opens after faults in a row, lets one probe through, and closes by its answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db.models import F

from controlplane.kernel.errors import Fatal, Retry
from provisioner.landscapes import breaker, budget
from provisioner.landscapes.models import Landscape
from provisioner.operations.models import Operation
from provisioner.steps.base import Done, Outcome, StepContext
from tests import work
from tests.work import again
from tests.world import World
from tests.world import landscape as another_landscape

pytestmark = pytest.mark.django_db


@pytest.fixture
def landscape(world: World) -> Landscape:
    return world.landscape


def opened(landscape: Landscape) -> None:
    for _ in range(breaker.THRESHOLD):
        breaker.record_fault(landscape.pk, "no answer")


def its_time_is_over(landscape: Landscape) -> None:
    Landscape.objects.filter(pk=landscape.pk).update(breaker_until=F("created_at") - timedelta(seconds=1))


def state(landscape: Landscape) -> str:
    landscape.refresh_from_db()
    return landscape.breaker


def test_it_opens_at_the_threshold_and_not_before(landscape: Landscape) -> None:
    results = [breaker.record_fault(landscape.pk, "no answer") for _ in range(breaker.THRESHOLD)]
    assert results == [False] * (breaker.THRESHOLD - 1) + [True]


def test_an_answer_in_between_starts_the_count_again(landscape: Landscape) -> None:
    for _ in range(breaker.THRESHOLD - 1):
        breaker.record_fault(landscape.pk, "no answer")
    breaker.record_success(landscape.pk)
    assert breaker.record_fault(landscape.pk, "no answer") is False


def test_an_open_breaker_refuses_with_since_when_and_why(landscape: Landscape) -> None:
    opened(landscape)
    verdict = budget.take(landscape.pk)
    assert isinstance(verdict, budget.NotAnswering)
    assert (verdict.landscape, verdict.reason) == ("embedded", "no answer")
    assert 0 < verdict.seconds <= 1.2 * breaker.OPEN_SECONDS
    assert verdict.since is not None


def test_one_probe_goes_through_when_the_time_is_over(landscape: Landscape) -> None:
    opened(landscape)
    its_time_is_over(landscape)
    verdicts = [budget.take(landscape.pk) for _ in range(3)]
    assert verdicts[0] == budget.Allowed(suspect=True)
    assert all(isinstance(verdict, budget.NotAnswering) for verdict in verdicts[1:])
    assert state(landscape) == "half_open"


def test_the_probes_answer_closes_it(landscape: Landscape) -> None:
    opened(landscape)
    its_time_is_over(landscape)
    budget.take(landscape.pk)
    breaker.record_success(landscape.pk)
    assert state(landscape) == "closed"
    assert budget.take(landscape.pk) == budget.Allowed(suspect=False)


def test_the_probes_silence_opens_it_again(landscape: Landscape) -> None:
    opened(landscape)
    its_time_is_over(landscape)
    budget.take(landscape.pk)
    assert breaker.record_fault(landscape.pk, "still no answer") is True
    assert isinstance(budget.take(landscape.pk), budget.NotAnswering)


def test_a_failed_probe_opens_it_for_no_longer_than_any_fault(landscape: Landscape) -> None:
    opened(landscape)
    its_time_is_over(landscape)
    budget.take(landscape.pk)
    breaker.record_fault(landscape.pk, "still no answer")
    verdict = budget.take(landscape.pk)
    assert isinstance(verdict, budget.NotAnswering)
    assert verdict.seconds <= 1.2 * breaker.OPEN_SECONDS


def test_who_comes_while_the_probe_is_out_is_not_told_to_wait_as_long_as_a_dead_prober_is(
    landscape: Landscape,
) -> None:
    opened(landscape)
    its_time_is_over(landscape)
    budget.take(landscape.pk)
    verdict = budget.take(landscape.pk)
    assert isinstance(verdict, budget.NotAnswering)
    assert 0 < verdict.seconds <= 10


def test_a_landscape_that_was_heard_of_lets_its_probe_through_at_once_and_no_more_than_that(
    landscape: Landscape,
) -> None:
    assert breaker.invite_probe(landscape.pk) is False
    opened(landscape)
    assert breaker.invite_probe(landscape.pk) is True
    assert budget.take(landscape.pk) == budget.Allowed(suspect=True)
    assert breaker.invite_probe(landscape.pk) is False
    assert isinstance(budget.take(landscape.pk), budget.NotAnswering)


def test_an_answer_to_an_older_call_does_not_close_an_open_breaker(landscape: Landscape) -> None:
    opened(landscape)
    breaker.record_success(landscape.pk)
    assert state(landscape) == "open"


answers: list[Exception | None] = []


def scripted(_: StepContext) -> Outcome:
    answer = answers.pop(0) if answers else None
    if answer is not None:
        raise answer
    return Done()


@pytest.fixture
def operation(landscape: Landscape, world: World) -> Iterator[Operation]:
    answers.clear()
    with work.flows(provision=work.flow(work.step("first", scripted, calls_landscape=True, max_attempts=20))):
        yield work.start(work.runtime(world.shop, landscape))


def run_again(operation: Operation) -> None:
    from provisioner.operations import sweeping

    work.wait_ends(operation)
    sweeping.sweep()
    work.work()


def test_operations_wait_visibly_while_the_landscape_is_away_and_go_on_after(
    operation: Operation, landscape: Landscape
) -> None:
    answers.extend(Retry("There is no way to it.", landscape_fault=True) for _ in range(breaker.THRESHOLD))
    work.work()
    for _ in range(breaker.THRESHOLD):
        run_again(operation)
    assert (again(operation).state, operation.error_code) == ("waiting", "not_answering")
    assert "is not answering since" in operation.reason
    assert "There is no way to it; next try in about" in operation.reason
    assert operation.attempts == breaker.THRESHOLD  # the refusal took none
    its_time_is_over(landscape)
    run_again(operation)
    assert again(operation).state == "succeeded"
    assert state(landscape) == "closed"


@pytest.mark.parametrize("fault", [Retry("too many"), Fatal("no quota")])
def test_a_refusal_by_the_landscape_is_an_answer(
    fault: Exception, operation: Operation, landscape: Landscape
) -> None:
    breaker.record_fault(landscape.pk, "no answer")
    answers.append(fault)
    work.work()
    landscape.refresh_from_db()
    assert landscape.breaker_faults == 0


def test_whoever_was_refused_goes_on_as_soon_as_the_landscape_is_heard_of(
    operation: Operation, landscape: Landscape, world: World
) -> None:
    from provisioner.operations import sweeping

    opened(landscape)
    others = [work.start(work.runtime(world.shop, landscape)) for _ in range(3)]
    work.work()
    assert {again(one).error_code for one in (operation, *others)} == {"not_answering"}
    assert sweeping.heard_of(landscape.pk) is True
    work.work()
    assert {again(one).state for one in (operation, *others)} == {"succeeded"}
    assert state(landscape) == "closed"


def test_the_end_of_one_landscapes_outage_is_not_anothers(operation: Operation, landscape: Landscape) -> None:
    from provisioner.operations import sweeping

    opened(landscape)
    work.work()
    elsewhere = another_landscape("elsewhere")
    opened(elsewhere)
    sweeping.heard_of(elsewhere.pk)
    assert sweeping.end_refusals_of(elsewhere.pk) == 0
    assert again(operation).error_code == "not_answering"
