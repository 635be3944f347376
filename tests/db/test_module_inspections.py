"""Modules are looked at in rounds: what was changed behind our back is mended, ever less often where it does not last."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

import pytest
from django.utils import timezone

from controlplane.kernel.errors import Retry
from provisioner.drivers.base import Driver
from provisioner.lifecycle import inspections, rounds
from provisioner.modules.installing import install, look, settle
from provisioner.modules.memory import RowMemory
from provisioner.modules.models import Inspection, RuntimeModule
from provisioner.modules.rendering import render
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.spec import cluster_from_json
from tests.modules import Island
from tests.world import World, landscape, order

pytestmark = pytest.mark.django_db


class Lending:
    """A driver that lends one island, or does not answer."""

    def __init__(self, island: Island) -> None:
        self.island = island
        self.silent = False

    @contextmanager
    def inside(self, *_: Any, **__: Any) -> Iterator[Island]:
        if self.silent:
            raise Retry("The API does not answer.", code="unreachable")
        yield self.island


@pytest.fixture
def lending(monkeypatch: pytest.MonkeyPatch) -> Lending:
    found = Lending(Island())
    monkeypatch.setattr(rounds, "connect", lambda **_: cast("Driver", found))
    return found


@pytest.fixture
def runtime(world: World, lending: Lending) -> Runtime:
    """A runtime that is ready, its modules installed and seen well."""
    landscape("embedded")
    row: Runtime = order(world).runtime
    Operation.objects.filter(runtime=row).update(slot=None, state="succeeded", finished_at=timezone.now())
    Runtime.objects.filter(pk=row.pk).update(phase="ready", observed_generation=row.generation)
    rendered, memory = render(cluster_from_json(row.cluster_spec)), RowMemory(row.pk, row.generation)
    install(lending.island, rendered, memory)
    settle(lending.island, rendered, look(lending.island, rendered), memory)
    due()
    return row


def due() -> None:
    Inspection.objects.update(due_at=timezone.now() - timedelta(seconds=1))


def mended(row: Runtime) -> int:
    """Close what was opened to mend it, and count."""
    opened = Operation.objects.filter(runtime=row, kind="update", slot__isnull=False)
    found = opened.count()
    opened.update(slot=None, state="succeeded", finished_at=timezone.now())
    Runtime.objects.filter(pk=row.pk).update(phase="ready")
    return found


def vandalise(island: Island) -> None:
    ref = next(ref for ref in island.objects if ref.kind == "Deployment" and "istio" in ref.name)
    island.objects[ref]["spec"]["replicas"] = 0


def test_a_look_that_finds_all_well_starts_nothing_and_comes_again_in_a_round(
    runtime: Runtime, settings: Any
) -> None:
    assert inspections.tick() == 1
    assert inspections.tick() == 0
    row = Inspection.objects.get()
    assert row.looked_at is not None
    assert row.due_at > timezone.now() + timedelta(seconds=0.8 * settings.MODULE_INSPECTION_SECONDS)
    assert mended(runtime) == 0
    assert set(RuntimeModule.objects.values_list("health", flat=True)) == {"healthy"}


def test_where_all_is_in_order_looks_are_ever_rarer_until_something_is_not(
    runtime: Runtime, lending: Lending, settings: Any
) -> None:
    rounds = []
    for _ in range(4):
        due()
        inspections.tick()
        left = Inspection.objects.get().due_at - timezone.now()
        rounds.append(round(left.total_seconds() / settings.MODULE_INSPECTION_SECONDS))
    assert rounds == [1, 2, 4, 4]
    vandalise(lending.island)
    due()
    inspections.tick()
    left = Inspection.objects.get().due_at - timezone.now()
    assert left < timedelta(seconds=1.1 * settings.MODULE_INSPECTION_SECONDS)


def test_drift_is_told_and_mended_by_an_update(runtime: Runtime, lending: Lending) -> None:
    vandalise(lending.island)
    inspections.tick()
    told = RuntimeModule.objects.get(key="service-mesh").drift
    assert told == ["Deployment nesoi-system/service-mesh-istio: spec.replicas"]
    operation = Operation.objects.get(runtime=runtime, kind="update")
    assert operation.input["reason"] == "drift"
    assert operation.input["fields"] == told


def test_what_is_changed_back_every_time_is_mended_ever_less_often(
    runtime: Runtime, lending: Lending
) -> None:
    rounds = []
    for _ in range(8):
        vandalise(lending.island)
        due()
        inspections.tick()
        rounds.append(mended(runtime))
    assert rounds == [1, 1, 0, 1, 0, 0, 0, 1]


def test_an_unhealthy_module_is_told_and_nothing_is_done_about_it(runtime: Runtime, lending: Lending) -> None:
    lending.island.lame.add("api-gateway-envoy")
    inspections.tick()
    row = RuntimeModule.objects.get(key="api-gateway")
    assert (row.health, row.state) == ("unhealthy", "installed")
    assert "0 of 1 replicas" in row.message
    assert mended(runtime) == 0


def test_who_is_busy_or_does_not_answer_is_looked_at_again_soon(runtime: Runtime, lending: Lending) -> None:
    lending.silent = True
    inspections.tick()
    row = Inspection.objects.get()
    assert row.problem == "The API does not answer."
    assert row.due_at < timezone.now() + timedelta(minutes=11)
    lending.silent = False
    Runtime.objects.filter(pk=runtime.pk).update(phase="updating")
    due()
    inspections.tick()
    assert Inspection.objects.get().due_at < timezone.now() + timedelta(minutes=11)


def test_nobody_looks_while_an_operation_is_open_on_a_runtime_that_is_ready_already(
    runtime: Runtime, lending: Lending
) -> None:
    vandalise(lending.island)
    Operation.objects.filter(runtime=runtime).update(
        slot="active", state="running", background=True, finished_at=None
    )
    inspections.tick()
    assert Inspection.objects.get().due_at < timezone.now() + timedelta(minutes=11)
    assert not any(RuntimeModule.objects.values_list("drift", flat=True))
    assert not Operation.objects.filter(kind="update").exists()
    Operation.objects.filter(runtime=runtime).update(slot=None, state="succeeded", finished_at=timezone.now())
    due()
    inspections.tick()
    assert mended(runtime) == 1


def test_a_runtime_that_is_gone_is_forgotten(runtime: Runtime) -> None:
    Runtime.objects.filter(pk=runtime.pk).update(phase="deprovisioned", deleted_at=timezone.now())
    inspections.tick()
    assert not RuntimeModule.objects.exists()
    assert not Inspection.objects.exists()


def test_what_breaks_over_one_runtime_keeps_no_other_from_being_looked_at(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspections, "_look", lambda *_: 1 / 0)
    assert inspections.tick() == 1
    assert Inspection.objects.get().problem == "The look broke: ZeroDivisionError."
