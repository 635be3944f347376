"""No step is skipped that alone makes true what its flow then says: that a cluster is gone, sleeps or was upgraded."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.kernel.errors import Refused
from controlplane.tenants.models import AuditEvent
from provisioner.operations import flowbook
from provisioner.operations.models import Operation
from provisioner.operations.services import skip_step
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import PHASES_OF, Kind
from tests import work
from tests.work import again
from tests.world import World

pytestmark = pytest.mark.django_db


def deleting(world: World, *, step: str, seen: dict[str, Any], state: str = "waiting") -> Operation:
    """A delete of the real flow that stands at a step, over a cluster that the observer saw so."""
    return standing(world, Kind.DEPROVISION, step=step, seen=seen, state=state)


def standing(
    world: World, kind: Kind, *, step: str, seen: dict[str, Any], state: str = "waiting"
) -> Operation:
    """An operation of a real flow that stands at a step, over a cluster that the observer saw so."""
    runtime = work.runtime(world.shop, world.landscape, phase=PHASES_OF[kind].during, status=seen)
    operation = work.start(runtime, kind)
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


@pytest.mark.parametrize("state", ["waiting", "paused", "failed"])
@pytest.mark.parametrize(
    "step", ["upgrade_control_plane", "upgrade_workers", "switch_modules", "conclude_upgrade"]
)
def test_no_step_is_skipped_behind_which_a_runtime_would_pass_for_upgraded(
    world: World, step: str, state: str
) -> None:
    operation = standing(world, Kind.UPGRADE, step=step, seen={"situation": "ready"}, state=state)
    with work.refused("step_not_skippable"):
        skip_step(actor=world.sam.actor, operation_id=operation.pk, reason="It hangs.")
    assert (again(operation).state, operation.step, operation.steps_done) == (state, step, [])
    assert not AuditEvent.objects.filter(action="operation.skip").exists()


def test_who_would_skip_the_end_of_a_halted_upgrade_is_told_where_a_retry_begins(world: World) -> None:
    operation = standing(world, Kind.UPGRADE, step="conclude_upgrade", seen={}, state="failed")
    with pytest.raises(Refused, match="Retry it; it begins again at “Note what is there”"):
        skip_step(actor=world.sam.actor, operation_id=operation.pk, reason="It is fine.")
    Operation.objects.filter(pk=operation.pk).update(state="paused", slot="active", finished_at=None)
    with pytest.raises(Refused) as refused:
        skip_step(actor=world.sam.actor, operation_id=operation.pk, reason="It is fine.")
    assert "Retry" not in refused.value.detail, "only what failed can be retried"


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        (Kind.UPGRADE, "upgrade_control_plane"),
        (Kind.UPGRADE, "upgrade_workers"),
        (Kind.UPGRADE, "switch_modules"),
        (Kind.SUSPEND, "await_sleep"),
        (Kind.DEPROVISION, "await_absence"),
    ],
)
def test_who_would_skip_a_step_that_failed_is_told_that_nothing_runs_until_a_retry(
    world: World, kind: Kind, step: str
) -> None:
    operation = standing(world, kind, step=step, seen={}, state="failed")
    with pytest.raises(
        Refused, match="Nothing runs now, for the operation has failed: mend its cause, then retry it"
    ):
        skip_step(actor=world.sam.actor, operation_id=operation.pk, reason="It hangs.")
    Operation.objects.filter(pk=operation.pk).update(state="waiting", slot="active", finished_at=None)
    with pytest.raises(Refused) as refused:
        skip_step(actor=world.sam.actor, operation_id=operation.pk, reason="It hangs.")
    assert "retry" not in refused.value.detail, "what goes on by itself needs none"


@pytest.mark.parametrize("state", ["waiting", "failed"])
@pytest.mark.parametrize("seen", [{}, {"situation": "changing"}, {"situation": "ready"}])
def test_a_cluster_that_was_not_seen_to_sleep_does_not_pass_for_suspended(
    world: World, seen: dict[str, Any], state: str
) -> None:
    operation = standing(world, Kind.SUSPEND, step="await_sleep", seen=seen, state=state)
    with work.refused("step_not_skippable"):
        skip_step(actor=world.sam.actor, operation_id=operation.pk, reason="It hangs.")
    assert again(operation).state == state
    assert Runtime.objects.get(pk=operation.runtime_id).phase == "suspending"


def test_the_wait_for_sleep_is_skipped_once_there_is_no_cluster_that_could(world: World) -> None:
    operation = standing(world, Kind.SUSPEND, step="await_sleep", seen={"situation": "absent"})
    skip_step(actor=world.sam.actor, operation_id=operation.pk, reason="Somebody removed it.")
    assert again(operation).step == "delete_cluster"


def test_every_step_whose_retry_begins_further_back_says_why_it_is_not_skipped() -> None:
    back = [step for flow in flowbook.all_flows().values() for step in flow.steps if step.retry_from]
    assert back
    assert [step.name for step in back if not step.skip_refusal] == []
