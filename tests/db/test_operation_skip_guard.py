"""A delete is not closed over a cluster that may still be there."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.kernel.errors import Refused
from controlplane.tenants.models import AuditEvent
from provisioner.operations.models import Operation
from provisioner.operations.services import skip_step
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind
from tests import work
from tests.work import again
from tests.world import World

pytestmark = pytest.mark.django_db


def deleting(world: World, *, step: str, seen: dict[str, Any], state: str = "waiting") -> Operation:
    """A delete of the real flow that stands at a step, over a cluster that the observer saw so."""
    runtime = work.runtime(world.shop, world.landscape, phase="deprovisioning", status=seen)
    operation = work.start(runtime, Kind.DEPROVISION)
    closed = {"slot": None, "finished_at": operation.created_at} if state == "failed" else {}
    Operation.objects.filter(pk=operation.pk).update(step=step, state=state, fence=1, **closed)
    return operation


@pytest.mark.parametrize("state", ["waiting", "failed"])
@pytest.mark.parametrize(
    "seen", [{}, {"situation": "changing"}, {"situation": "failed"}, {"situation": "ready"}]
)
def test_the_wait_for_a_clusters_end_is_not_skipped_while_it_may_be_there(
    world: World, seen: dict[str, Any], state: str
) -> None:
    operation = deleting(world, step="await_absence", seen=seen, state=state)
    with pytest.raises(Refused) as refused:
        skip_step(actor=world.sam.actor, operation_id=operation.pk, reason="It hangs.")
    assert (refused.value.code, refused.value.status) == ("step_not_skippable", 409)
    assert "ends by itself once nothing is left" in refused.value.detail
    assert again(operation).state == state
    assert Runtime.objects.get(pk=operation.runtime_id).deleted_at is None
    assert not AuditEvent.objects.filter(action="operation.skip").exists()


def test_the_wait_for_a_clusters_end_is_skipped_once_the_cluster_was_seen_to_be_gone(world: World) -> None:
    operation = deleting(world, step="await_absence", seen={"situation": "absent"})
    skip_step(actor=world.sam.actor, operation_id=operation.pk, reason="The observer saw it go.")
    assert again(operation).state == "succeeded"
    assert Runtime.objects.get(pk=operation.runtime_id).deleted_at is not None


def test_skipping_the_order_of_a_removal_leads_to_the_wait_that_orders_it_again(world: World) -> None:
    operation = deleting(world, step="delete_cluster", seen={"situation": "ready"})
    skip_step(actor=world.sam.actor, operation_id=operation.pk, reason="Ordered by hand.")
    assert (again(operation).step, operation.slot) == ("await_absence", "active")
