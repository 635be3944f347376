"""Rows 31 to 35: how far it is."""

from __future__ import annotations

from uuid import uuid4

import pytest

from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from tests.osb.asking import Platform, error, finish, plan_id, read, stand

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("state", "slot", "told"),
    [
        ("queued", "active", "in progress"),
        ("running", "active", "in progress"),
        ("waiting", "active", "in progress"),
        ("paused", "active", "in progress"),
        ("succeeded", None, "succeeded"),
        ("failed", None, "failed"),
        ("cancelled", None, "failed"),
    ],
)
def test_row_31_every_state_is_one_of_three(cf: Platform, state: str, slot: str | None, told: str) -> None:
    operation = read(cf.provision())["operation"]
    row = Operation.objects.get(pk=operation)
    Operation.objects.filter(pk=row.pk).update(
        state=state, slot=slot, finished_at=None if slot else row.created_at
    )
    answer = read(cf.last(operation=operation))
    assert answer["state"] == told
    assert answer["description"]


def test_row_31_a_failure_that_the_tenant_can_mend_says_why(cf: Platform) -> None:
    operation = read(cf.provision())["operation"]
    finish(
        operation, "failed", error_audience="tenant", error_message="Your quota at the provider is used up"
    )
    assert "quota at the provider" in read(cf.last())["description"]
    Operation.objects.update(error_audience="sre", error_message="seed-7 is on fire")
    assert "seed-7" not in read(cf.last())["description"]


def test_row_32_an_unknown_instance_or_operation_is_404(cf: Platform, other: Platform) -> None:
    assert error(cf.last()) == (404, "NotFound")
    stand(cf)
    assert error(cf.last(operation=str(uuid4()))) == (404, "NotFound")
    foreign = read(other.provision())["operation"]
    assert error(cf.last(operation=foreign)) == (404, "NotFound")


def test_a_word_that_names_no_operation_is_passed_over(cf: Platform) -> None:
    stand(cf)
    assert read(cf.last(operation="provision")) == read(cf.last())


def test_row_32_gone_is_410_after_a_delete_only(cf: Platform) -> None:
    operation = read(cf.provision())["operation"]
    finish(operation, "failed")
    assert cf.last().status_code == 200
    deleted = read(cf.deprovision())["operation"]
    assert cf.last(operation=deleted).status_code == 200
    finish(deleted)
    gone = cf.last(operation=operation)
    assert (gone.status_code, read(gone)) == (410, {})


def test_row_34_how_a_delete_ended_is_remembered(cf: Platform) -> None:
    stand(cf)
    deleted = read(cf.deprovision())["operation"]
    finish(deleted)
    for named in ({"operation": deleted}, {"operation": "deprovision"}, {}):
        assert read(cf.last(**named)) == {"state": "succeeded", "description": "Deleting succeeded."}


def test_who_asks_for_a_delete_that_they_did_not_begin_hears_410(cf: Platform) -> None:
    """The runtime was deleted by its people: the newest operation that the platform knows is another one."""
    row = stand(cf)
    Runtime.objects.filter(pk=row.runtime_id).update(phase="deprovisioned", deleted_at=row.created_at)
    assert cf.last(operation=str(row.operation_id)).status_code == 410
    assert cf.last(operation="deprovision").status_code == 410


def test_row_33_it_says_when_to_ask_again(cf: Platform) -> None:
    operation = read(cf.provision())["operation"]
    assert int(cf.last()["Retry-After"]) > 0
    finish(operation)
    assert "Retry-After" not in cf.last()


def test_row_34_what_has_ended_is_remembered(cf: Platform) -> None:
    first = read(cf.provision())["operation"]
    finish(first)
    second = read(cf.update(parameters={"autoScalerMax": 5}))["operation"]
    assert read(cf.last(operation=first))["state"] == "succeeded"
    assert read(cf.last(operation=second))["state"] == "in progress"
    assert read(cf.last())["state"] == "in progress"


def test_row_34_a_change_of_plan_is_asked_for_with_the_old_plan(cf: Platform) -> None:
    stand(cf, plan_id=plan_id("free"), parameters={"region": "us-east-1"})
    operation = read(cf.update(plan_id=plan_id("aws")))["operation"]
    for plan in ("free", "aws"):
        assert cf.last(operation=operation, plan_id=plan_id(plan)).status_code == 200


def test_row_35_service_and_plan_may_be_left_out(cf: Platform) -> None:
    cf.provision()
    assert cf.last().status_code == 200
    assert cf.last(service_id="x", plan_id="y").status_code == 200
