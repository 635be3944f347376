"""The page of an operation, and what a person may do to it."""

from __future__ import annotations

import pytest
from django.test import Client

from controlplane.kernel.clock import utcnow
from provisioner.operations.models import Operation, OperationAttempt
from tests.signed_in import browse, build, present, text
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(world: World) -> Client:
    return browse(world.alice)


@pytest.fixture
def operation(world: World) -> Operation:
    return Operation.objects.get(runtime=build(world, phase="pending"))


def test_every_attempt_is_told(alice: Client, operation: Operation) -> None:
    now = utcnow()
    for number, outcome in ((1, "retry"), (2, "wait")):
        OperationAttempt.objects.create(
            tenant=operation.tenant,
            operation=operation,
            step="ensure_cluster",
            number=number,
            fence=number,
            outcome=outcome,
            error_code="RATE_LIMITED" if number == 1 else "",
            message="The provider answers too many requests." if number == 1 else "",
            started_at=now,
            finished_at=now,
        )
    page = text(alice.get(f"/operations/{operation.id}/"))
    assert "2 attempts" in page
    assert "retry RATE_LIMITED The provider answers too many requests." in page


def test_a_failed_one_says_who_can_act_and_offers_to_retry(alice: Client, operation: Operation) -> None:
    Operation.objects.filter(pk=operation.pk).update(
        state="failed",
        slot=None,
        finished_at=utcnow(),
        error_message="The quota is exceeded.",
        error_code="ERR_INFRA_QUOTA_EXCEEDED",
        error_audience="tenant",
    )
    page = text(alice.get(f"/operations/{operation.id}/"))
    assert "The quota is exceeded." in page
    assert "You can act on this" in page
    assert "Retry" in page
    assert alice.post(f"/operations/{operation.id}/retry").status_code == 302
    operation.refresh_from_db()
    assert operation.state in ("queued", "running")


def test_it_is_paused_and_resumed(alice: Client, operation: Operation) -> None:
    alice.post(f"/operations/{operation.id}/pause")
    operation.refresh_from_db()
    assert operation.state == "paused"
    page = text(alice.get(f"/operations/{operation.id}/"))
    assert "Resume" in page
    alice.post(f"/operations/{operation.id}/resume")
    operation.refresh_from_db()
    assert operation.state != "paused"


def test_it_is_cancelled_only_after_a_question(alice: Client, operation: Operation) -> None:
    address = f"/operations/{operation.id}/cancel"
    assert "Cancel “Provision checkout”?" in text(alice.get(address))
    operation.refresh_from_db()
    assert operation.state == "queued"
    alice.post(address, {"reason": "typed the wrong region"})
    operation.refresh_from_db()
    assert operation.state == "cancelled" or operation.cancel_requested_at
    assert "typed the wrong region" in operation.cancel_reason


def test_what_is_not_possible_any_more_is_refused_in_words(alice: Client, operation: Operation) -> None:
    Operation.objects.filter(pk=operation.pk).update(state="succeeded", slot=None, finished_at=utcnow())
    answer = alice.post(f"/operations/{operation.id}/pause")
    assert answer.status_code == 409
    assert "be done now" in text(answer)


def test_an_unknown_verb_is_not_there(alice: Client, operation: Operation) -> None:
    assert alice.post(f"/operations/{operation.id}/explode").status_code == 404


@pytest.mark.parametrize("verb", ["pause", "resume", "retry", "cancel"])
def test_a_viewer_controls_nothing(world: World, operation: Operation, verb: str) -> None:
    client = browse(world.vera)
    assert "/pause" not in client.get(f"/operations/{operation.id}/").content.decode()
    assert client.post(f"/operations/{operation.id}/{verb}").status_code == 403


def test_another_tenant_s_operation_is_not_there(world: World, operation: Operation) -> None:
    present(world.main)
    client = browse(world.bob)
    assert client.get(f"/operations/{operation.id}/").status_code == 404
    assert client.post(f"/operations/{operation.id}/cancel").status_code == 404


def test_an_sre_may_pause_any_tenant_s(world: World, operation: Operation) -> None:
    assert browse(world.sam).post(f"/operations/{operation.id}/pause").status_code == 302
    operation.refresh_from_db()
    assert operation.state == "paused"
