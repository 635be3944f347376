"""When a runtime was ready first is kept by the database, whoever writes its phase; to fulfil a wish is no sign of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module

import pytest
from django.db import connection
from django.utils import timezone

from controlplane.kernel.errors import Fatal
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind
from provisioner.steps.base import Outcome, StepContext
from tests import work
from tests.work import again
from tests.world import World

BACKFILL = import_module("provisioner.operations.migrations.0008_first_ready").FORWARD
LONG_AGO = datetime(2026, 1, 2, tzinfo=UTC)


def broken(_: StepContext) -> Outcome:
    raise Fatal("No ground to build on.", code="no_ground")


@pytest.fixture
def runtime(world: World) -> Runtime:
    return work.runtime(world.shop, world.landscape)


@pytest.fixture
def _unbuildable() -> Iterator[None]:
    with work.flows(provision=work.flow(work.step("build", broken)), suspend=work.flow(work.step("rest"))):
        yield


def stands(runtime: Runtime) -> Runtime:
    runtime.refresh_from_db()
    return runtime


def test_the_first_time_is_kept_and_never_written_again(runtime: Runtime) -> None:
    assert not stands(runtime).was_ready
    with work.flows():
        work.start(runtime)
        work.work()
        first = stands(runtime).first_ready_at
        assert first is not None
        Runtime.objects.filter(pk=runtime.pk).update(first_ready_at=LONG_AGO)
        work.wish(runtime)
        work.work()
    assert stands(runtime).phase == "ready"
    assert runtime.first_ready_at == LONG_AGO


@pytest.mark.usefixtures("_unbuildable")
def test_to_have_come_to_rest_is_not_to_have_been_ready(runtime: Runtime) -> None:
    work.start(runtime)
    work.work()
    assert stands(runtime).phase == "failed"
    work.wish(runtime, Kind.SUSPEND)
    work.work()
    assert (stands(runtime).phase, runtime.observed_generation) == ("suspended", runtime.generation)
    assert not runtime.was_ready
    assert work.wish(runtime).kind == "provision"  # what was never built is built, not changed


def test_of_those_that_were_ready_before_it_was_kept_their_operations_tell(world: World) -> None:
    built, settled, rested = (work.runtime(world.shop, world.landscape, name=name) for name in "abc")
    with work.flows(suspend=work.flow(work.step("rest"))):
        for one, kind in ((built, Kind.PROVISION), (settled, Kind.PROVISION), (rested, Kind.SUSPEND)):
            operation = work.start(one, kind)
            Operation.objects.filter(pk=operation.pk).update(
                state="succeeded", slot=None, finished_at=LONG_AGO
            )
        operation = again(work.start(settled, Kind.UPDATE))
    Operation.objects.filter(runtime=settled).exclude(pk=operation.pk).delete()
    Operation.objects.filter(pk=operation.pk).update(background=True)
    Runtime.objects.update(observed_generation=1, phase="failed", updated_at=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(BACKFILL)
    assert stands(built).first_ready_at == LONG_AGO
    assert stands(settled).first_ready_at == settled.updated_at
    assert not stands(rested).was_ready
