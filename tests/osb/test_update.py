"""Rows 24 to 27: an instance is changed, or stays as it is."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.kernel.errors import Refused
from provisioner.lifecycle.update import update_runtime
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from tests.osb.asking import Platform, error, finish, plan_id, read, row_of, stand
from tests.world import World

pytestmark = pytest.mark.django_db


def wanted() -> dict[str, Any]:
    parameters: dict[str, Any] = row_of().runtime.spec["parameters"]
    return parameters


def test_row_24_what_is_not_named_does_not_change(cf: Platform) -> None:
    stand(cf, parameters={"region": "eu-central-1", "autoScalerMax": 7})
    finish(read(cf.update(parameters={"autoScalerMin": 4}))["operation"])
    assert row_of().plan_id == plan_id("aws")
    assert (wanted()["autoScalerMin"], wanted()["autoScalerMax"]) == (4, 7)


def test_row_24_a_new_plan_leaves_the_parameters(cf: Platform) -> None:
    stand(cf, plan_id=plan_id("free"), parameters={"region": "us-east-1", "administrators": ["ada"]})
    response = cf.update(plan_id=plan_id("aws"), previous_values={"plan_id": plan_id("free")})
    assert response.status_code == 202
    assert row_of().runtime.plan_id == "aws"
    assert (wanted()["region"], wanted()["administrators"]) == ("us-east-1", ["ada"])
    finish(read(response)["operation"])
    assert read(cf.fetch())["plan_id"] == plan_id("aws")


def test_row_25_accepted_is_202_and_the_same_request_again_the_same_operation(cf: Platform) -> None:
    stand(cf)
    first, again = cf.update(parameters={"autoScalerMax": 5}), cf.update(parameters={"autoScalerMax": 5})
    assert (first.status_code, again.status_code) == (202, 202)
    assert read(first)["operation"] == read(again)["operation"]
    assert Operation.objects.filter(kind="update").count() == 1


def test_row_25_nothing_to_change_is_200(cf: Platform) -> None:
    stand(cf)
    assert cf.update().status_code == 200
    assert cf.update(plan_id=plan_id()).status_code == 200
    finish(read(cf.update(parameters={"autoScalerMax": 5}))["operation"])
    again = cf.update(parameters={"autoScalerMax": 5})
    assert again.status_code == 200
    assert "operation" not in read(again)


def test_row_25_a_failed_update_may_be_repeated(cf: Platform) -> None:
    stand(cf)
    finish(read(cf.update(parameters={"autoScalerMax": 5}))["operation"], "failed")
    assert cf.update(parameters={"autoScalerMax": 5}).status_code == 202


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"parameters": {"region": "us-east-1"}}, "ImmutableField"),
        ({"plan": "azure"}, "PlanChangeUnsupported"),
        ({"plan": "free"}, "PlanChangeUnsupported"),
        ({"context": {"platform": "kubernetes"}}, "OrganizationChanged"),
        ({"context": {"platform": "cloudfoundry", "organization_guid": "x"}}, "OrganizationChanged"),
    ],
)
def test_row_26_an_unsupported_change_is_422_and_changes_nothing(
    cf: Platform, changes: dict[str, Any], word: str
) -> None:
    stand(cf)
    before = [list(Runtime.objects.values()), row_of().parameters, row_of().context, row_of().plan_id]
    if plan := changes.pop("plan", None):
        changes["plan_id"] = plan_id(plan)
    assert error(cf.update(**changes)) == (422, word)
    assert before == [list(Runtime.objects.values()), row_of().parameters, row_of().context, row_of().plan_id]
    assert not Operation.objects.filter(kind="update").exists()


def test_row_26_what_can_not_be_read_is_400_and_changes_nothing(cf: Platform) -> None:
    stand(cf)
    before = list(Runtime.objects.values())
    unreadable: list[dict[str, Any]] = [
        {"parameters": {"autoScalerMax": "5"}},
        {"parameters": {"autoScalerMx": 5}},
        {"plan_id": "unknown"},
        {"service_id": "unknown"},
        {"service_id": None},
        {"parameters": []},
    ]
    for fields in unreadable:
        assert cf.update(**fields).status_code == 400, fields
    assert list(Runtime.objects.values()) == before


def test_row_26_a_plan_that_somebody_else_changed_meanwhile_is_422(cf: Platform) -> None:
    stand(cf)
    response = cf.update(parameters={"autoScalerMax": 5}, previous_values={"plan_id": plan_id("free")})
    assert error(response) == (422, "ConcurrencyError")


def test_row_26_one_that_never_was_finished_can_not_be_changed(cf: Platform) -> None:
    finish(read(cf.provision())["operation"], "failed")
    assert error(cf.update(parameters={"autoScalerMax": 5})) == (422, "InstanceNotUsable")


def test_row_26_a_refused_plan_changes_no_parameters(cf: Platform) -> None:
    stand(cf)
    response = cf.update(plan_id=plan_id("azure"), parameters={"autoScalerMax": 5})
    assert response.status_code == 422
    assert wanted()["autoScalerMax"] == 20


@pytest.mark.parametrize("query", [{}, {"accepts_incomplete": "false"}])
def test_row_27_who_can_not_wait_is_422(cf: Platform, query: dict[str, str]) -> None:
    stand(cf)
    assert error(cf.update(parameters={"autoScalerMax": 5}, query=query)) == (422, "AsyncRequired")


def test_row_27_another_maintenance_version_is_422(cf: Platform) -> None:
    stand(cf)
    assert error(cf.update(maintenance_info={"version": "1.2.3"})) == (422, "MaintenanceInfoConflict")
    version = row_of().runtime.spec["release"]["key"]
    assert cf.update(maintenance_info={"version": version}).status_code == 200


def test_an_upgrade_is_the_platforms_own_work(cf: Platform) -> None:
    row = stand(cf)
    version = row.runtime.spec["release"]["key"]
    spec = {**row.runtime.spec, "release": {**row.runtime.spec["release"], "key": "2026.1.1"}}
    Runtime.objects.filter(pk=row.runtime_id).update(spec=spec)
    assert error(cf.update(maintenance_info={"version": version})) == (422, "UpgradeUnsupported")


def test_a_change_of_somebody_else_is_in_the_way(cf: Platform, world: World) -> None:
    row = stand(cf)
    update_runtime(actor=world.alice.actor, runtime_id=row.runtime_id, parameters={"autoScalerMax": 9})
    assert error(cf.update(parameters={"autoScalerMax": 5})) == (422, "ConcurrencyError")
    with pytest.raises(Refused):
        update_runtime(actor=world.bob.actor, runtime_id=row.runtime_id, parameters={"autoScalerMax": 9})


def test_a_new_context_is_kept(cf: Platform) -> None:
    row = stand(cf)
    context = {**row.context, "instance_name": "Renamed"}
    assert cf.update(context=context).status_code == 200
    assert row_of().context["instance_name"] == "Renamed"


def test_an_unknown_instance_is_404(cf: Platform) -> None:
    assert cf.update(parameters={"autoScalerMax": 5}).status_code == 404
