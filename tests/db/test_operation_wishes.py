"""One operation is active and one wish waits behind it: the newest wish wins, and a delete wins over all."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from controlplane.kernel.errors import Refused
from controlplane.tenants.models import Account, AuditEvent, Tenant
from provisioner.operations import ledger, queries, sweeping
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind
from provisioner.steps.base import Done, Outcome, StepContext, Wait
from tests import work
from tests.work import again
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def runtime(world: World) -> Runtime:
    return work.runtime(world.shop, world.landscape)


@pytest.fixture(autouse=True)
def _flows() -> object:
    with work.flows():
        yield


def waiting_provision(runtime: Runtime) -> Operation:
    """A provision that waits for its landscape."""
    with work.flows(provision=work.flow(work.step("first", lambda _: Wait("x")), work.step("second"))):
        operation = work.start(runtime)
        work.work()
    return again(operation)


def test_an_update_waits_behind_a_provision_and_starts_when_that_ends(runtime: Runtime) -> None:
    provision = work.start(runtime)
    update = work.wish(runtime)
    assert (update.slot, update.state) == ("next", "queued")
    work.work()
    assert again(provision).state == "succeeded"
    assert (again(update).state, update.kind) == ("succeeded", "update")
    runtime.refresh_from_db()
    assert (runtime.phase, runtime.observed_generation) == ("ready", 2)


def test_the_newest_wish_folds_into_the_waiting_one(runtime: Runtime) -> None:
    work.start(runtime)
    first, second = work.wish(runtime), work.wish(runtime)
    assert first.pk == second.pk
    assert again(first).generation == 3


def test_a_second_active_operation_is_refused_by_the_database(runtime: Runtime) -> None:
    work.start(runtime)
    with pytest.raises(IntegrityError, match="operation_one_per_slot"), transaction.atomic():
        work.start(runtime, Kind.PROVISION)


def test_an_update_of_a_runtime_that_was_never_ready_provisions_it(runtime: Runtime) -> None:
    Operation.objects.filter(pk=work.start(runtime).pk).update(
        state="failed", slot=None, finished_at=runtime.created_at
    )
    assert work.wish(runtime).kind == "provision"


def test_an_update_behind_a_provision_that_fails_becomes_the_next_provision(runtime: Runtime) -> None:
    def fail(_: StepContext) -> Outcome:
        raise ValueError

    with work.flows(provision=work.flow(work.step("first", fail, max_attempts=1))):
        provision = work.start(runtime)
        update = work.wish(runtime)
        held = ledger.claim()
        assert held is not None
        work.worker().run(held)
    assert again(provision).state == "failed"
    assert (again(update).kind, update.slot) == ("provision", "active")
    work.work()
    runtime.refresh_from_db()
    assert (again(update).state, runtime.phase, runtime.observed_generation) == ("succeeded", "ready", 2)


def test_a_delete_during_a_create_that_waits_takes_over_at_once(runtime: Runtime) -> None:
    provision = waiting_provision(runtime)
    delete = work.wish(runtime, Kind.DEPROVISION)
    assert (again(provision).state, provision.cancel_reason) == ("cancelled", "superseded by delete")
    assert (delete.slot, delete.state) == ("active", "queued")
    runtime.refresh_from_db()
    assert runtime.phase == "provisioning"  # not failed: the delete is on its way
    work.work()
    runtime.refresh_from_db()
    assert (again(delete).state, runtime.phase) == ("succeeded", "deprovisioned")


def test_a_delete_waits_for_the_step_that_a_worker_runs(runtime: Runtime) -> None:
    ran: list[str] = []

    def first(_: StepContext) -> Outcome:
        delete.append(work.wish(runtime, Kind.DEPROVISION))
        return Done()

    def second(_: StepContext) -> Outcome:
        ran.append("second")
        return Done()

    delete: list[Operation] = []
    with work.flows(provision=work.flow(work.step("first", first), work.step("second", second))):
        provision = work.start(runtime)
        held = ledger.claim()
        assert held is not None
        work.worker().run(held)
    assert (again(provision).state, ran) == ("cancelled", [])
    assert again(delete[0]).slot == "active"


def test_a_delete_starts_when_the_worker_of_the_create_is_dead(runtime: Runtime) -> None:
    provision = work.start(runtime)
    assert ledger.claim() is not None
    delete = work.wish(runtime, Kind.DEPROVISION)
    assert (delete.slot, again(provision).state) == ("next", "running")
    work.work()
    assert again(delete).state == "queued"  # the lease holds: the create may be on its way
    work.lease_ends(provision)
    work.work()
    assert (again(provision).state, again(delete).state) == ("cancelled", "succeeded")


def test_a_delete_sends_a_waiting_update_away(runtime: Runtime) -> None:
    work.start(runtime)
    update = work.wish(runtime)
    work.wish(runtime, Kind.DEPROVISION)
    assert (again(update).state, update.cancel_reason) == ("cancelled", "superseded by delete")
    assert AuditEvent.objects.filter(action="operation.cancel", target_id=str(update.pk)).count() == 1


def test_a_second_delete_is_the_first(runtime: Runtime) -> None:
    first = work.wish(runtime, Kind.DEPROVISION)
    assert work.wish(runtime, Kind.DEPROVISION).pk == first.pk


def test_nothing_is_changed_behind_a_delete(runtime: Runtime) -> None:
    work.wish(runtime, Kind.DEPROVISION)
    with pytest.raises(Refused) as refused:
        work.wish(runtime)
    assert (refused.value.code, refused.value.status) == ("runtime_deprovisioning", 409)


def test_the_sweep_starts_a_wish_that_was_left_behind(runtime: Runtime) -> None:
    provision = work.start(runtime)
    update = work.wish(runtime)
    Operation.objects.filter(pk=provision.pk).update(
        state="succeeded", slot=None, finished_at=runtime.created_at
    )
    assert sweeping.sweep().started_orphans == 1
    assert again(update).slot == "active"
    work.work()
    assert again(update).state == "succeeded"


def test_the_claim_rides_on_its_index_whatever_the_size(runtime: Runtime) -> None:
    """Of a few rows any index is as cheap as another; the one in the queue's order is the one that needs no sort."""
    work.start(runtime)
    sql = queries.CLAIM.replace("%(during)s", "'{}'").replace("%(lease)s", "'1 minute'")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute(f"EXPLAIN {sql}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Index Scan using operation_claim_first " in plan, plan
    assert "Sort" not in plan, plan


@pytest.mark.parametrize("model", [Tenant, Account])
def test_a_wish_behind_another_waits_while_its_tenant_or_account_is_suspended(
    runtime: Runtime, model: type[Tenant | Account]
) -> None:
    provision, update = work.start(runtime), work.wish(runtime)
    model.objects.update(state="suspended")
    work.work()
    assert again(provision).state == "succeeded"
    sweeping.sweep()
    assert (again(update).slot, update.state) == ("next", "queued")
    model.objects.update(state="active")
    assert sweeping.sweep().started_orphans == 1
    work.work()
    assert again(update).state == "succeeded"


@pytest.mark.parametrize("kind", [Kind.SUSPEND, Kind.DEPROVISION])
def test_what_rests_or_ends_a_suspended_tenants_runtime_does_not_wait(runtime: Runtime, kind: Kind) -> None:
    with work.flows(suspend=work.flow()):
        work.start(runtime)
        assert ledger.claim() is not None
        wish = work.wish(runtime, kind)
        Tenant.objects.update(state="suspended")
        work.lease_ends(again(Operation.objects.get(runtime=runtime, slot="active")))
        work.work()
    assert again(wish).state == "succeeded"


def test_a_delete_that_cancels_what_runs_is_audited_as_that(runtime: Runtime, world: World) -> None:
    provision = work.start(runtime)
    assert ledger.claim() is not None
    work.wish(runtime, Kind.DEPROVISION, actor=world.alice.actor)
    event = AuditEvent.objects.get(action="operation.cancel")
    assert (event.target_id, event.changes) == (str(provision.pk), {"reason": "superseded by delete"})
