"""People and Prometheus see the queue as it is."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from provisioner.landscapes.models import Landscape
from provisioner.operations import ledger, metrics
from provisioner.operations.explain import place_in_queue
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
    Landscape.objects.update(breaker="open")
    kind = {"kind": "provision"}
    assert registry.get_sample_value("nesoi_operations_open", {**kind, "state": "queued"}) == 2
    assert registry.get_sample_value("nesoi_operations_open", {**kind, "state": "running"}) == 1
    assert registry.get_sample_value("nesoi_operations_due") == 2
    assert registry.get_sample_value("nesoi_landscape_breaker_open", {"landscape": "embedded"}) == 1
