"""What is changed behind our back is mended, in a bounded way; what is deleted there is told, and not rebuilt."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from django.db.models import F

from controlplane.tenants.access import SYSTEM
from controlplane.tenants.models import AuditEvent
from provisioner.drivers import registry
from provisioner.drivers.base import ClusterRef, Situation
from provisioner.landscapes.models import Landscape
from provisioner.observer import queries, session, writer
from provisioner.observer.models import Drift
from provisioner.operations.models import Operation
from provisioner.operations.runner import Runner
from provisioner.operations.services import retry_operation
from provisioner.runtimes.models import Runtime
from tests.plugins.simulator import Simulator
from tests.watching import cluster_of, driver_of, gone, observing, remove, runtime, situation, until
from tests.world import World
from tests.world import landscape as landscape_row

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "LONGEST_PAUSE_SECONDS", 0.5)
    monkeypatch.setattr(writer, "MEND_SECONDS", 0.2)


@pytest.fixture
def place(world: World, simulator: Simulator) -> Landscape:
    return landscape_row("observed", kubeconfig=simulator.kubeconfig)


@pytest.fixture
def row(world: World, place: Landscape, simulator: Simulator) -> Iterator[Runtime]:
    """A ready runtime with its cluster, as an operation left it."""
    made = runtime(world, place, phase="ready", observed_generation=1)
    wish = cluster_of(made)
    Runtime.objects.filter(pk=made.pk).update(cluster_spec=wish.as_json())
    driver_of(place).ensure(wish)
    simulator.wait_for(made.cluster_name)
    yield made
    remove(driver_of(place), made)


def newest(row: Runtime) -> Operation | None:
    return Operation.objects.filter(runtime=row).order_by("-id").first()


def work_until(row: Runtime, phase: str) -> None:
    def there() -> bool:
        Runner(connect=registry.connect).work(0.2)
        row.refresh_from_db()
        return row.phase == phase

    until(there)


def purpose(simulator: Simulator, row: Runtime) -> str:
    return str(simulator.shoot(row.cluster_name)["spec"]["purpose"])


def spoil(simulator: Simulator, row: Runtime) -> None:
    simulator.patch_shoot(row.cluster_name, {"spec": {"purpose": "evaluation"}})


def actions(row: Runtime) -> list[str]:
    return list(AuditEvent.objects.filter(target_id=str(row.pk)).values_list("action", flat=True))


def test_a_field_of_ours_that_somebody_changed_is_set_right(
    place: Landscape, row: Runtime, simulator: Simulator
) -> None:
    with observing(place):
        until(lambda: situation(row) == "ready")
        assert newest(row) is None
        spoil(simulator, row)
        operation = until(lambda: newest(row))
        assert (operation.kind, operation.requested_by) == ("update", "system")
        assert operation.input == {"reason": "drift", "fields": ["spec.purpose"]}
        assert actions(row) == ["runtime.mend"]
        work_until(row, "ready")
        assert purpose(simulator, row) == "production"
        until(lambda: Drift.objects.get(runtime=row).fields == [])


def test_a_field_that_is_not_ours_is_left_alone(place: Landscape, row: Runtime, simulator: Simulator) -> None:
    with observing(place):
        until(lambda: situation(row) == "ready")
        before = row.status["shape"]
        simulator.patch_shoot(row.cluster_name, {"spec": {"dns": {"domain": "example.org"}}})
        until(lambda: situation(row) and row.status["shape"] != before)
    assert newest(row) is None
    assert not Drift.objects.filter(runtime=row).exists()
    assert simulator.shoot(row.cluster_name)["spec"]["dns"]["domain"] == "example.org"


def test_who_keeps_undoing_it_is_answered_ever_less_often(
    place: Landscape, row: Runtime, simulator: Simulator
) -> None:
    with observing(place):
        until(lambda: situation(row) == "ready")
        spoil(simulator, row)
        until(lambda: newest(row))
        work_until(row, "ready")
        until(lambda: Drift.objects.get(runtime=row).fields == [])
        spoil(simulator, row)
        until(lambda: Drift.objects.get(runtime=row).fields)
        assert Operation.objects.filter(runtime=row).count() == 1
        Drift.objects.filter(runtime=row).update(due_at=F("due_at") - timedelta(seconds=601))
        until(lambda: Operation.objects.filter(runtime=row).count() == 2)
        noted = Drift.objects.get(runtime=row)
    assert noted.repairs == 2
    assert timedelta(seconds=1100) < noted.due_at - newest(row).created_at < timedelta(seconds=1300)  # type: ignore[union-attr]


def test_what_was_changed_while_nobody_watched_is_mended_too(
    place: Landscape, row: Runtime, simulator: Simulator
) -> None:
    with observing(place):
        until(lambda: situation(row) == "ready")
    spoil(simulator, row)
    with observing(place):
        until(lambda: newest(row))


def test_a_cluster_set_back_to_an_older_wish_is_brought_up_to_the_newest(
    place: Landscape, row: Runtime, simulator: Simulator
) -> None:
    Runtime.objects.filter(pk=row.pk).update(generation=3, observed_generation=3)
    with observing(place):
        operation = until(lambda: newest(row))
    assert operation.input["fields"] == ["an older wish"]


def test_what_a_newer_wish_is_about_to_change_is_no_drift(
    place: Landscape, row: Runtime, simulator: Simulator
) -> None:
    Runtime.objects.filter(pk=row.pk).update(generation=2)
    spoil(simulator, row)
    with observing(place):
        until(lambda: situation(row) == "ready")
    assert newest(row) is None


def test_a_cluster_that_was_deleted_fails_its_runtime_and_is_not_rebuilt(
    place: Landscape, row: Runtime, simulator: Simulator
) -> None:
    with observing(place):
        until(lambda: situation(row) == "ready")
        simulator.delete_shoot(row.cluster_name)
        until(lambda: situation(row) == "absent" and row.phase == "failed")
        Runner(connect=registry.connect).work(0.2)
    row.refresh_from_db()
    assert row.phase == "failed"
    assert "platform's team has to act" in row.message
    assert [(c["type"], c["status"]) for c in row.status["conditions"]] == [("ClusterExists", "False")]
    operation = newest(row)
    assert operation is not None
    assert (operation.state, operation.error_code, operation.error_audience) == (
        "failed",
        "cluster_missing",
        "sre",
    )
    assert "retry" in operation.error_message
    assert actions(row) == ["runtime.missing"]
    assert driver_of(place).observe(ClusterRef(row.cluster_name)).situation is Situation.ABSENT


def test_a_person_may_have_a_missing_cluster_built_anew(
    place: Landscape, row: Runtime, simulator: Simulator
) -> None:
    with observing(place):
        until(lambda: situation(row) == "ready")
        simulator.delete_shoot(row.cluster_name)
        until(lambda: situation(row) == "absent" and row.phase == "failed")
        retry_operation(actor=SYSTEM, operation_id=newest(row).pk, reason="nothing to restore")  # type: ignore[union-attr]
        work_until(row, "ready")
        until(lambda: situation(row) == "ready")
    assert simulator.shoot(row.cluster_name)


def test_a_cluster_that_goes_because_its_runtime_does_is_not_missing(
    world: World, place: Landscape, woken: list[UUID]
) -> None:
    leaving = runtime(world, place, phase="deprovisioning")
    assert queries.take_lock(place.pk)
    try:
        taken = writer.Writer(place.pk)
        taken.begin(place.key, "")
        taken.take(gone(leaving, 5))
        taken.flush()
    finally:
        queries.give_lock(place.pk)
    assert situation(leaving) == Situation.ABSENT
    assert leaving.phase == "deprovisioning"
    assert newest(leaving) is None
