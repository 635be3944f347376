"""A landscape's budget: no more calls than it allows, and a stated reason for those that wait."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F

from provisioner.landscapes import budget
from provisioner.landscapes.models import Landscape
from provisioner.steps.base import Done, Outcome, StepContext
from tests import work
from tests.work import again
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def landscape(world: World) -> Landscape:
    Landscape.objects.filter(pk=world.landscape.pk).update(
        calls_per_second=2, burst=3, tokens=3, tokens_at=F("created_at")
    )
    return world.landscape


def test_a_full_bucket_allows_its_burst_and_no_more(landscape: Landscape) -> None:
    Landscape.objects.update(calls_per_second=0.0001)
    verdicts = [budget.take(landscape.pk) for _ in range(4)]
    assert [type(verdict) for verdict in verdicts] == [budget.Allowed] * 3 + [budget.OverBudget]


def test_an_empty_bucket_says_when_it_allows_again(landscape: Landscape) -> None:
    Landscape.objects.update(tokens=0.0, calls_per_second=0.5, tokens_at=F("created_at") + timedelta(hours=1))
    verdict = budget.take(landscape.pk)
    assert isinstance(verdict, budget.OverBudget)
    assert verdict.seconds == pytest.approx(2.0)


def test_a_bucket_fills_with_time_up_to_its_burst(landscape: Landscape) -> None:
    Landscape.objects.update(tokens=0.0, calls_per_second=2, tokens_at=F("created_at") - timedelta(hours=1))
    assert budget.take(landscape.pk) == budget.Allowed(suspect=False)
    landscape.refresh_from_db()
    assert landscape.tokens == pytest.approx(2.0)


def test_a_step_over_the_budget_waits_with_a_reason_and_loses_no_attempt(
    landscape: Landscape, world: World
) -> None:
    ran: list[int] = []

    def act(_: StepContext) -> Outcome:
        ran.append(1)
        return Done()

    Landscape.objects.update(tokens=0.0, calls_per_second=0.0001)
    with work.flows(provision=work.flow(work.step("first", act, calls_landscape=True))):
        operation = work.start(work.runtime(world.shop, landscape))
        work.work()
    assert (again(operation).state, operation.attempts, operation.error_class, ran) == (
        "waiting",
        0,
        "refused",
        [],
    )
    assert operation.reason.startswith(
        "The landscape embedded is over its budget of calls; next try in about "
    )
    assert operation.due_at > operation.created_at


def test_a_step_that_a_cluster_does_not_need_is_done_unrun_and_costs_nothing(
    landscape: Landscape, world: World
) -> None:
    ran: list[str] = []

    def act(context: StepContext) -> Outcome:
        ran.append(context.cluster.name)
        return Done()

    unneeded = work.step("first", act, calls_landscape=True, needed=lambda _: False)
    needed = work.step("second", act, needed=lambda cluster: cluster.provider == "aws")
    Landscape.objects.update(tokens=0.0, calls_per_second=0.0001)
    with work.flows(provision=work.flow(unneeded, needed)):
        operation = work.start(work.runtime(world.shop, landscape))
        work.work()
    assert again(operation).state == "succeeded"
    assert [entry["step"] for entry in operation.steps_done] == ["first", "second"]
    assert len(ran) == 1


def test_a_step_that_leaves_the_landscape_alone_costs_nothing(landscape: Landscape, world: World) -> None:
    Landscape.objects.update(tokens=0.0, calls_per_second=0.0001)
    with work.flows():
        operation = work.start(work.runtime(world.shop, landscape))
        work.work()
    assert again(operation).state == "succeeded"
