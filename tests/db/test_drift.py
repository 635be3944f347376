"""What is changed behind our back is mended, in a bounded way; what is deleted there is told, and not rebuilt."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from django.db.models import F
from django.utils.timezone import now

from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.models import Account, AuditEvent, Tenant
from provisioner.drivers import registry
from provisioner.drivers.base import ClusterRef, Event, Situation
from provisioner.landscapes.models import Landscape
from provisioner.lifecycle.delete import delete_runtime
from provisioner.lifecycle.repair import mend_drift
from provisioner.lifecycle.update import update_runtime
from provisioner.observer import queries, session, writer
from provisioner.observer.mending import mend_due
from provisioner.observer.models import Drift
from provisioner.operations import ledger
from provisioner.operations.models import Operation
from provisioner.operations.runner import Runner
from provisioner.operations.services import retry_operation
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind
from tests import work
from tests.plugins.simulator import Simulator
from tests.watching import cluster_of, driver_of, gone, observing, remove, runtime, sight, situation, until
from tests.world import World, order
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


def test_a_repair_is_not_fulfilled_by_what_was_seen_before_the_landscape_heard_of_it(
    world: World, place: Landscape, woken: list[UUID]
) -> None:
    standing = runtime(world, place, phase="ready", observed_generation=1)
    Runtime.objects.filter(pk=standing.pk).update(cluster_spec=cluster_of(standing).as_json())
    repair = mend_drift(runtime_id=standing.pk, fields=["spec.purpose"])
    assert repair is not None
    Operation.objects.filter(pk=repair.pk).update(step="await_cluster")
    tags = {"runtime": str(standing.pk), "generation": "1"}
    for operation_id, fulfilled in ((UUID(int=7), False), (repair.pk, True)):
        see(place, sight(standing, 5, generation=1, owner={**tags, "operation": str(operation_id)}))
        held = ledger.claim()
        assert held is not None
        assert (held.id, held.seen_ready) == (repair.pk, fulfilled)
        Operation.objects.filter(pk=repair.pk).update(lease_until=None)


@pytest.mark.parametrize("model", [Tenant, Account])
def test_nothing_is_mended_for_the_suspended_until_they_are_resumed(
    world: World, place: Landscape, model: type[Tenant | Account]
) -> None:
    drifted = runtime(world, place, phase="ready", observed_generation=1)
    Drift.objects.create(
        runtime=drifted, landscape=place, fields=["spec.purpose"], seen_at=now(), due_at=now()
    )
    model.objects.update(state="suspended")
    assert mend_due(landscape_id=place.pk) == 0
    with pytest.raises(Refused, match="is suspended"):
        mend_drift(runtime_id=drifted.pk, fields=["spec.purpose"])
    assert (newest(drifted), Drift.objects.get(runtime=drifted).repairs) == (None, 0)
    model.objects.update(state="active")
    assert mend_due(landscape_id=place.pk) == 1


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


def see(place: Landscape, event: Event) -> None:
    """As the observer writes it."""
    assert queries.take_lock(place.pk)
    try:
        taken = writer.Writer(place.pk)
        taken.begin(place.key, "")
        taken.take(event)
        taken.flush()
    finally:
        queries.give_lock(place.pk)


def test_a_missing_cluster_is_not_built_anew_for_its_tenant(
    world: World, place: Landscape, simulator: Simulator
) -> None:
    lost = order(world, name="lost").runtime
    Operation.objects.filter(runtime=lost).update(state="succeeded", slot=None, finished_at=now())
    Runtime.objects.filter(pk=lost.pk).update(phase="ready", observed_generation=1, landscape=place)
    alice = world.alice.actor
    _, operation = update_runtime(actor=alice, runtime_id=lost.pk, parameters={"autoScalerMax": 9})
    assert operation is not None
    work_until(lost, "failed")  # nobody had seen yet that it is gone
    operation.refresh_from_db()
    assert (operation.error_code, operation.error_audience) == ("cluster_missing", "sre")
    with work.refused("cluster_missing"):
        retry_operation(actor=alice, operation_id=operation.pk)
    with work.refused("cluster_missing"):
        update_runtime(actor=alice, runtime_id=lost.pk, parameters={"autoScalerMax": 8})
    assert driver_of(place).observe(ClusterRef(lost.cluster_name)).situation is Situation.ABSENT
    retry_operation(actor=world.sam.actor, operation_id=operation.pk, reason="nothing to restore")
    operation.refresh_from_db()
    assert operation.input == {"rebuild": True}
    audited = AuditEvent.objects.get(action="operation.retry", target_id=str(operation.pk))
    assert audited.changes == {"rebuild": "true", "reason": "nothing to restore"}
    delete_runtime(actor=alice, runtime_id=lost.pk)


def test_a_tenant_may_retry_once_the_cluster_was_seen_again(
    world: World, place: Landscape, woken: list[UUID]
) -> None:
    back = runtime(world, place, phase="ready", observed_generation=1)
    see(place, gone(back, 5))
    lost = newest(back)
    assert lost is not None
    with work.refused("cluster_missing"):
        retry_operation(actor=world.alice.actor, operation_id=lost.pk)
    see(place, sight(back, 6))
    assert retry_operation(actor=world.alice.actor, operation_id=lost.pk).input == {
        "reason": "cluster_missing"
    }


@pytest.mark.parametrize(("ended", "carried"), [("failed", True), ("cancelled", True), ("succeeded", False)])
def test_what_was_to_be_built_and_was_not_the_next_wish_may_build(
    world: World, place: Landscape, ended: str, carried: bool
) -> None:
    asleep = runtime(world, place, phase="failed", observed_generation=1)
    with work.flows(resume=work.flow()):
        resuming = work.start(asleep, Kind.RESUME)
        Operation.objects.filter(pk=resuming.pk).update(
            input={"rebuild": True}, state=ended, slot=None, finished_at=now()
        )
        assert work.wish(asleep).input == ({"rebuild": True} if carried else {})


def test_a_sleeping_cluster_that_is_gone_is_told_as_its_suspension(
    world: World, place: Landscape, woken: list[UUID]
) -> None:
    asleep = runtime(world, place, phase="suspended", observed_generation=1, suspended_for=["wish"])
    see(place, gone(asleep, 5))
    told = newest(asleep)
    assert told is not None
    assert (told.kind, told.error_code) == ("suspend", "cluster_missing")


def test_a_cluster_that_goes_because_its_runtime_does_is_not_missing(
    world: World, place: Landscape, woken: list[UUID]
) -> None:
    leaving = runtime(world, place, phase="deprovisioning")
    see(place, gone(leaving, 5))
    assert situation(leaving) == Situation.ABSENT
    assert leaving.phase == "deprovisioning"
    assert newest(leaving) is None
