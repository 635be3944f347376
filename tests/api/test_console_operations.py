"""The page of an operation, and what a person may do to it."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from controlplane.kernel.clock import utcnow
from provisioner.operations.models import Operation, OperationAttempt
from provisioner.runtimes.models import Runtime
from tests.signed_in import browse, build, hidden_value, present, text
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


def test_what_only_the_platforms_team_can_mend_asks_nothing_of_a_tenant(
    alice: Client, operation: Operation, world: World
) -> None:
    Operation.objects.filter(pk=operation.pk).update(
        state="failed",
        slot=None,
        finished_at=utcnow(),
        error_message="Raise the infrastructure account's quota.",
        error_audience="sre",
    )
    hers = text(alice.get(f"/operations/{operation.id}/"))
    first = hers.index("team has to act, and sees it; you need not.")
    assert first < hers.index("Raise the infrastructure account's quota.")
    his = text(browse(world.sam).get(f"/operations/{operation.id}/"))
    assert "You and your team can act on this" in his
    assert "you need not" not in his


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


def test_an_sre_skips_a_step_after_a_question_and_with_a_reason(world: World, operation: Operation) -> None:
    sam = browse(world.sam)
    address = f"/operations/{operation.id}/skip"
    assert address in sam.get(f"/operations/{operation.id}/").content.decode()
    asked = sam.get(address)
    assert "Skip “Order the cluster”?" in text(asked)
    form = {"shown": hidden_value(asked, "shown")}
    without = sam.post(address, {**form, "reason": "  "})
    assert without.status_code == 422
    assert "Say why the step may be skipped." in text(without)
    assert sam.post(address, {**form, "reason": "ordered by hand"}).status_code == 302
    operation.refresh_from_db()
    assert operation.step == "await_cluster"
    page = text(sam.get(f"/operations/{operation.id}/"))
    assert "Order the cluster , skipped" in page
    assert "Skipped: ordered by hand" in page


def test_a_step_that_is_done_meanwhile_is_not_skipped_for_the_next(
    world: World, operation: Operation
) -> None:
    Operation.objects.filter(pk=operation.pk).update(step="await_cluster")
    answer = browse(world.sam).post(
        f"/operations/{operation.id}/skip", {"shown": "ensure_cluster", "reason": "ordered by hand"}
    )
    assert answer.status_code == 409
    assert "stands at another step by now" in text(answer)
    operation.refresh_from_db()
    assert operation.step == "await_cluster"


@pytest.mark.parametrize("state", ["succeeded", "cancelled"])
def test_a_closed_operation_has_no_step_to_skip(world: World, operation: Operation, state: str) -> None:
    Operation.objects.filter(pk=operation.pk).update(state=state, slot=None, finished_at=utcnow())
    assert "/skip" not in browse(world.sam).get(f"/operations/{operation.id}/").content.decode()


def test_a_step_that_can_not_be_skipped_is_not_offered_to_be(world: World, operation: Operation) -> None:
    sam, address = browse(world.sam), f"/operations/{operation.id}/skip"
    rows = Operation.objects.filter(pk=operation.pk)
    rows.update(
        kind="upgrade", step="conclude_upgrade", state="failed", slot=None, finished_at=utcnow(), fence=1
    )
    assert controls(sam, operation) == {"retry"}
    for answer in (
        sam.get(address),
        sam.post(address, {"shown": "conclude_upgrade", "reason": "It is fine"}),
    ):
        assert answer.status_code == 409
        assert "Retry it; it begins again at “Note what is there”" in text(answer)
    rows.update(step="verify_upgrade")
    assert controls(sam, operation) == {"retry", "skip"}


def test_a_tenant_s_admin_is_neither_offered_to_skip_nor_let(alice: Client, operation: Operation) -> None:
    assert "/skip" not in alice.get(f"/operations/{operation.id}/").content.decode()
    assert alice.get(f"/operations/{operation.id}/skip").status_code == 403
    answer = alice.post(f"/operations/{operation.id}/skip", {"reason": "I want it to be quick"})
    assert answer.status_code == 403
    assert "Only the platform's team may do this" in text(answer)
    operation.refresh_from_db()
    assert operation.steps_done == []


def controls(client: Client, operation: Operation) -> set[str]:
    """The buttons on its page."""
    return set(re.findall(r'id="do-(\w+)"', client.get(f"/operations/{operation.id}/").content.decode()))


def test_a_removal_that_has_begun_is_not_offered_to_be_cancelled(alice: Client, operation: Operation) -> None:
    rows = Operation.objects.filter(pk=operation.pk)
    rows.update(kind="deprovision", state="waiting", step="await_absence")
    assert controls(alice, operation) == {"pause", "cancel"}
    rows.update(fence=1)
    assert controls(alice, operation) == {"pause"}


def test_a_wish_that_waits_is_cancelled_but_not_paused(alice: Client, operation: Operation) -> None:
    Operation.objects.filter(pk=operation.pk).update(slot="next", state="queued")
    assert controls(alice, operation) == {"cancel"}


@pytest.mark.parametrize(("held", "offered"), [(["wish"], True), (["payment", "wish"], False)])
def test_a_suspension_that_others_hold_is_not_offered_to_be_stopped(
    alice: Client, operation: Operation, held: list[str], *, offered: bool
) -> None:
    Operation.objects.filter(pk=operation.pk).update(kind="suspend", state="waiting", step="await_sleep")
    Runtime.objects.filter(pk=operation.runtime_id).update(suspended_for=held)
    assert controls(alice, operation) == ({"pause", "cancel"} if offered else set())
