"""Rows 36 to 39, 47 and 48: an instance goes, in whatever state it is, and so does what nobody remembers."""

from __future__ import annotations

import pytest

from controlplane.osb.models import OsbBinding
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from tests import work
from tests.osb.asking import Platform, error, finish, read, row_of, stand
from tests.osb.conftest import Cluster

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("field", ["service_id", "plan_id"])
def test_row_36_missing_ids_are_400(cf: Platform, field: str) -> None:
    stand(cf)
    assert error(cf.deprovision(**{field: ""})) == (400, "MalformedRequest")
    assert not Operation.objects.filter(kind="deprovision").exists()


def test_row_36_who_can_not_wait_is_422(cf: Platform) -> None:
    stand(cf)
    assert error(cf.deprovision(accepts_incomplete="false")) == (422, "AsyncRequired")
    assert not Operation.objects.filter(kind="deprovision").exists()


def test_row_37_accepted_is_202_again_the_same_operation_and_gone_is_410(cf: Platform) -> None:
    stand(cf)
    first, again = cf.deprovision(), cf.deprovision()
    assert (first.status_code, again.status_code) == (202, 202)
    assert read(first) == read(again)
    assert Operation.objects.filter(kind="deprovision").count() == 1
    finish(read(first)["operation"])
    for _ in range(2):
        gone = cf.deprovision()
        assert (gone.status_code, read(gone)) == (410, {})


def test_row_38_a_delete_halts_the_creation_and_speaks_for_it(cf: Platform) -> None:
    created = read(cf.provision())["operation"]
    deleted = read(cf.deprovision())["operation"]
    assert Operation.objects.get(pk=created).state == "cancelled"
    assert read(cf.last(operation=created)) == read(cf.last(operation=deleted)) == read(cf.last())
    assert read(cf.last())["state"] == "in progress"
    finish(deleted)
    assert cf.last(operation=created).status_code == 410


def test_row_38_a_delete_during_an_update_is_accepted(cf: Platform) -> None:
    stand(cf)
    cf.update(parameters={"autoScalerMax": 5})
    assert cf.deprovision().status_code == 202
    assert error(cf.update(parameters={"autoScalerMax": 6})) == (422, "ConcurrencyError")
    assert error(cf.provision(parameters={"region": "eu-central-1", "autoScalerMax": 5})) == (
        422,
        "ConcurrencyError",
    )


def test_row_39_everything_that_was_made_goes(cf: Platform, cluster: Cluster) -> None:
    stand(cf)
    assert cf.bind().status_code == 201
    with work.flows():
        assert cf.deprovision().status_code == 202
        work.work()
    assert Runtime.objects.get().phase == "deprovisioned"
    from controlplane.osb.unbinding import revoke_due

    revoke_due()
    assert OsbBinding.objects.get().state == "gone"
    assert cf.fetch_binding().status_code == 404
    assert cf.unbind().status_code == 410


def test_row_47_half_created_failed_and_unknown_ids_can_be_deleted_again_and_again(cf: Platform) -> None:
    assert cf.deprovision("never-heard-of").status_code == 410
    cf.provision("half")
    assert cf.deprovision("half").status_code == 202
    finish(read(cf.provision("failed"))["operation"], "failed")
    first = read(cf.deprovision("failed"))["operation"]
    finish(first, "failed")
    second = cf.deprovision("failed")
    assert second.status_code == 202
    assert read(second)["operation"] != first
    finish(read(second)["operation"])
    assert cf.deprovision("failed").status_code == 410


def test_row_48_the_answer_comes_before_anything_is_built(cf: Platform) -> None:
    body = read(cf.provision())
    operation = Operation.objects.get(pk=body["operation"])
    assert (operation.state, operation.fence) == ("queued", 0)
    assert row_of().runtime.phase == "pending"
