"""Operations: what they tell, and who takes them in hand."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from provisioner.operations.models import Operation, OperationAttempt
from tests.api.asking import Asking, problem, read
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def operation(alice: Asking) -> str:
    """The path of an operation of Alice's."""
    return f"/operations/{alice.order()['operation']['id']}"


def test_every_step_of_the_flow_is_told_with_its_state(alice: Asking, operation: str) -> None:
    row = Operation.objects.get()
    moment = row.created_at
    first, second = (step["name"] for step in read(alice.get(operation))["steps"][:2])
    Operation.objects.update(
        state="waiting",
        step=second,
        step_started_at=moment,
        started_at=moment,
        steps_done=[{"step": first, "at": moment.isoformat(), "seconds": 1.5}],
        reason="The landscape is building the network.",
    )
    OperationAttempt.objects.create(
        tenant_id=row.tenant_id,
        operation=row,
        step=first,
        number=1,
        fence=1,
        outcome="done",
        started_at=moment,
        finished_at=moment,
    )
    body = read(alice.get(operation))
    assert [step["state"] for step in body["steps"]][:3] == ["done", "waiting", "pending"]
    assert body["steps"][0]["attempts"][0]["outcome"] == "done"
    assert body["steps"][0]["title"] != body["steps"][0]["name"]
    assert (body["state"], body["step"], body["reason"]) == (
        "waiting",
        second,
        "The landscape is building the network.",
    )
    assert body["due_at"]
    assert body["deadline"]


def test_an_open_operation_says_how_long_its_steps_take_as_a_rule(alice: Asking, operation: str) -> None:
    moment = Operation.objects.get().created_at
    names = [step["name"] for step in read(alice.get(operation))["steps"]]
    earlier = alice.order(name="earlier")["operation"]["id"]
    Operation.objects.filter(pk=earlier).update(
        state="succeeded",
        slot=None,
        finished_at=moment,
        steps_done=[{"step": name, "at": moment.isoformat(), "seconds": 2.5} for name in names],
    )
    body = read(alice.get(operation))
    assert [step["usual_seconds"] for step in body["steps"]] == [2.5] * len(names)
    assert body["usual_seconds"] == 2.5 * len(names)
    assert read(alice.get(f"/operations/{earlier}"))["usual_seconds"] is None


def test_a_failure_says_who_can_act(alice: Asking, operation: str) -> None:
    Operation.objects.update(
        state="failed",
        slot=None,
        finished_at=Operation.objects.get().created_at,
        error_class="fatal",
        error_code="ERR_INFRA_QUOTA_EXCEEDED",
        error_message="Ask your cloud provider for a higher quota.",
        error_audience="tenant",
    )
    body = read(alice.get(operation))
    assert body["error"] == {
        "code": "ERR_INFRA_QUOTA_EXCEEDED",
        "message": "Ask your cloud provider for a higher quota.",
        "class": "fatal",
        "audience": "tenant",
    }
    assert (body["step"], body["due_at"], body["deadline"]) == (None, None, None)
    assert "failed" in [step["state"] for step in body["steps"]]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 2),
        ("?state=queued", 2),
        ("?state=running,failed", 0),
        ("?kind=provision", 2),
        ("?kind=update", 0),
        ("?landscape=embedded", 2),
        ("?landscape=other", 0),
        ("?runtime={runtime}", 1),
        ("?runtime=nonsense", 0),
        ("?tenant=basalt", 0),
    ],
)
def test_filters_narrow_the_list(alice: Asking, operation: str, query: str, count: int) -> None:
    runtime = alice.order(name="search")["runtime"]["id"]
    assert len(read(alice.get(f"/operations{query.format(runtime=runtime)}"))["results"]) == count


def test_a_runtime_has_its_own_history(alice: Asking, operation: str) -> None:
    alice.order(name="search")
    runtime = read(alice.get(operation))["runtime"]["id"]
    results = read(alice.get(f"/runtimes/{runtime}/operations"))["results"]
    assert [one["runtime"]["id"] for one in results] == [runtime]
    assert problem(alice.get(f"/runtimes/{runtime}/operations?runtime={runtime}")) == (
        400,
        "unknown_parameter",
    )


def test_a_pause_holds_and_a_resume_goes_on(alice: Asking, operation: str) -> None:
    paused = alice.post(f"{operation}/pause", {"reason": "not now"})
    assert (paused.status_code, read(paused)["state"]) == (200, "paused")
    assert "not now" in read(paused)["reason"]
    assert problem(alice.post(f"{operation}/pause"))[0] == 409
    assert read(alice.post(f"{operation}/resume"))["state"] == "queued"


def test_what_never_failed_can_not_be_retried(alice: Asking, operation: str) -> None:
    assert problem(alice.post(f"{operation}/retry")) == (409, "operation_not_failed")


def test_a_cancelled_operation_says_cancelled(alice: Asking, operation: str) -> None:
    assert read(alice.post(f"{operation}/cancel", {"reason": "wrong region"}))["state"] == "cancelled"
    assert problem(alice.post(f"{operation}/cancel"))[0] == 409


def test_only_the_platforms_team_skips_a_step(alice: Asking, sam: Asking, operation: str) -> None:
    step = read(alice.get(operation))["step"]
    assert problem(alice.post(f"{operation}/skip", {"reason": "done by hand"})) == (403, "forbidden")
    body = read(sam.post(f"{operation}/skip", {"reason": "done by hand"}))
    skipped = {one["name"]: one for one in body["steps"]}[step]
    assert (skipped["state"], skipped["skipped_because"]) == ("skipped", "done by hand")


def test_a_step_that_can_not_be_skipped_is_refused_with_what_to_do(sam: Asking, operation: str) -> None:
    Operation.objects.update(kind="upgrade", step="conclude_upgrade", state="waiting")
    answer = sam.post(f"{operation}/skip", {"reason": "it is fine"})
    assert problem(answer) == (409, "step_not_skippable")
    assert "This step alone says whether the upgrade came to its end" in read(answer)["detail"]


@pytest.mark.parametrize("verb", ["pause", "resume", "retry", "cancel", "skip"])
def test_viewers_and_strangers_control_nothing(vera: Asking, bob: Asking, operation: str, verb: str) -> None:
    before = Operation.objects.values().get()
    assert problem(vera.post(f"{operation}/{verb}", {"reason": "x"})) == (403, "forbidden")
    foreign = read(bob.post(f"{operation}/{verb}", {"reason": "x"}))
    missing = read(bob.post(f"/operations/{uuid4()}/{verb}", {"reason": "x"}))
    assert (
        (foreign["status"], foreign["code"])
        == (missing["status"], missing["code"])
        == (404, "operation_not_found")
    )
    assert Operation.objects.values().get() == before


@pytest.mark.parametrize("body", [{"why": "x"}, {"reason": 7}, {"reason": "x" * 301}])
def test_a_wrong_reason_is_named(alice: Asking, operation: str, body: Any) -> None:
    assert problem(alice.post(f"{operation}/pause", body))[0] == 422


def test_the_platforms_team_sees_the_whole_queue(
    sam: Asking, bob: Asking, operation: str, world: World
) -> None:
    bob.order(account="main")
    assert len(read(sam.get("/operations"))["results"]) == 2
    assert len(read(sam.get("/operations?tenant=basalt"))["results"]) == 1
    assert len(read(bob.get("/operations"))["results"]) == 1
