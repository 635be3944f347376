"""People and Prometheus see the queue as it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from prometheus_client import CollectorRegistry

from provisioner.observer import metrics as landscapes
from provisioner.operations import ledger, metrics
from provisioner.operations.explain import place_in_queue
from provisioner.operations.models import Operation
from tests import work
from tests.work import again
from tests.world import World

pytestmark = pytest.mark.django_db


def test_a_queued_operation_knows_how_many_go_before_it(world: World) -> None:
    with work.flows():
        first, second, third = (work.start(work.runtime(world.shop, world.landscape)) for _ in range(3))
        other = work.start(work.runtime(world.main, world.landscape))
        assert [place_in_queue(one) for one in (first, second, third)] == [0, 2, 3]
        assert place_in_queue(other) == 0  # beside the first of the other tenant
        assert ledger.claim() is not None
    assert place_in_queue(again(first)) is None


def test_the_metrics_count_what_is_open_and_what_is_due(world: World) -> None:
    registry = CollectorRegistry()
    metrics.register(registry)
    with work.flows():
        for _ in range(3):
            work.start(work.runtime(world.shop, world.landscape))
        assert ledger.claim() is not None
    Operation.objects.update(due_at=F("due_at") - timedelta(seconds=30))
    kind = {"kind": "provision"}
    assert registry.get_sample_value("nesoi_operations_open", {**kind, "state": "queued"}) == 2
    assert registry.get_sample_value("nesoi_operations_open", {**kind, "state": "running"}) == 1
    assert registry.get_sample_value("nesoi_operations_due") == 2
    oldest = registry.get_sample_value("nesoi_operations_oldest_due_seconds")
    assert oldest is not None
    assert 30 <= oldest < 60


def test_a_scrape_asks_the_database_once_of_operations_and_once_of_landscapes(
    world: World, django_assert_num_queries: Any
) -> None:
    registry = CollectorRegistry()
    metrics.register(registry)
    landscapes.register(registry)
    with django_assert_num_queries(2):
        told = [sample.name for family in registry.collect() for sample in family.samples]
    assert len(set(told)) == len({family.name for family in registry.collect() if family.samples})
    assert "nesoi_landscape_breaker_open" not in told
