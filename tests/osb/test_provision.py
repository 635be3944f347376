"""Rows 17 to 23: an instance is ordered, once."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.osb.credentials import map_organization
from controlplane.osb.models import OsbInstance
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.models import Account, Tenant
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from tests.osb.asking import (
    INSTANCE,
    ORGANIZATION,
    WAIT,
    Platform,
    error,
    finish,
    plan_id,
    read,
    row_of,
    stand,
    wish,
)
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("field", ["service_id", "plan_id", "organization_guid", "space_guid"])
@pytest.mark.parametrize("value", [None, "", 7, ["x"], {"a": 1}, "x" * 256])
def test_row_17_missing_or_malformed_ids_are_400(cf: Platform, field: str, value: Any) -> None:
    assert error(cf.provision(**{field: value})) == (400, "MalformedRequest")
    assert not Runtime.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"service_id": "unknown"},
        {"plan_id": "unknown"},
        {"parameters": []},
        {"context": "x"},
        {"context": {"platform": 7}},
        {"maintenance_info": {"version": 7}},
        {"parameters": {"region": "eu-central-1", "x": "y" * 70_000}},
    ],
)
def test_row_17_what_can_not_be_read_is_400(cf: Platform, changes: dict[str, Any]) -> None:
    assert cf.provision(**changes).status_code == 400


@pytest.mark.parametrize("query", [{}, {"accepts_incomplete": "false"}, {"accepts_incomplete": "yes"}])
def test_row_18_who_can_not_wait_is_422(cf: Platform, query: dict[str, str]) -> None:
    assert error(cf.provision(query=query)) == (422, "AsyncRequired")
    assert not Runtime.objects.exists()


def test_row_19_accepted_is_202_and_the_same_request_again_the_same_operation(cf: Platform) -> None:
    first, again = cf.provision(), cf.provision()
    assert (first.status_code, again.status_code) == (202, 202)
    assert read(first) == read(again)
    assert Runtime.objects.count() == Operation.objects.count() == 1
    assert str(Operation.objects.get().pk) == read(first)["operation"]


def test_row_20_what_stands_just_so_is_200(cf: Platform) -> None:
    stand(cf)
    again = cf.provision()
    assert again.status_code == 200
    assert "operation" not in read(again)
    assert Runtime.objects.count() == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"parameters": {"region": "us-east-1"}},
        {"parameters": {"region": "eu-central-1", "autoScalerMax": 5}},
        {"space_guid": "elsewhere"},
        {"context": {"platform": "cloudfoundry", "organization_guid": "another"}},
    ],
)
@pytest.mark.parametrize("done", [False, True])
def test_row_21_another_order_under_the_same_id_is_409(
    cf: Platform, changes: dict[str, Any], done: bool
) -> None:
    first = read(cf.provision())["operation"]
    if done:
        finish(first)
    assert error(cf.provision(**changes)) == (409, "Conflict")
    assert error(cf.provision(plan_id=plan_id("free"))) == (409, "Conflict")
    assert Runtime.objects.count() == 1


def test_row_21_after_an_update_the_order_as_it_is_now_is_the_same_one(cf: Platform) -> None:
    stand(cf)
    finish(read(cf.update(parameters={"autoScalerMax": 5}))["operation"])
    assert error(cf.provision()) == (409, "Conflict")
    assert cf.provision(parameters={"region": "eu-central-1", "autoScalerMax": 5}).status_code == 200


def test_row_21_a_failed_instance_is_deleted_before_its_id_is_ordered_again(cf: Platform) -> None:
    finish(read(cf.provision())["operation"], "failed")
    assert error(cf.provision()) == (409, "Conflict")


def test_row_22_another_maintenance_version_than_the_catalogs_is_422(cf: Platform) -> None:
    offered = read(cf.get("/catalog"))["services"][0]["plans"]
    version = next(plan["maintenance_info"]["version"] for plan in offered if plan["name"] == "aws")
    assert error(cf.provision(maintenance_info={"version": "1.2.3"})) == (422, "MaintenanceInfoConflict")
    assert not Runtime.objects.exists()
    assert cf.provision(maintenance_info={"version": version, "description": "ignored"}).status_code == 202


def test_row_23_the_first_answer_names_the_operation_and_the_page(cf: Platform) -> None:
    body = read(cf.provision())
    row = row_of()
    assert 0 < len(body["operation"]) <= 10_000
    assert body["dashboard_url"].endswith(f"/runtimes/{row.runtime_id}/")
    assert str(row.runtime_id) in body["dashboard_url"]


def test_the_order_becomes_a_runtime_of_the_organisations_account(cf: Platform) -> None:
    cf.provision()
    runtime = row_of().runtime
    assert runtime.name.startswith("my-shop-")
    assert (runtime.account.name, runtime.plan_id, runtime.region) == ("Acme Ltd", "aws", "eu-central-1")
    assert runtime.labels == {"osb-instance": INSTANCE}
    cf.provision("second")
    assert row_of("second").runtime.account == runtime.account
    renamed = {**wish()["context"], "organization_name": "Acme Inc"}
    cf.provision("third", context=renamed)
    assert row_of("third").runtime.account == runtime.account


def test_a_namespace_of_kubernetes_is_an_account_too(cf: Platform) -> None:
    context = {"platform": "kubernetes", "namespace": "web", "clusterid": "c1", "instance_name": "web"}
    assert cf.provision(context=context).status_code == 202
    assert cf.provision("second", context={**context, "namespace": "jobs"}).status_code == 202
    first, second = row_of().runtime.account, row_of("second").runtime.account
    assert first != second
    assert (first.name, first.slug[:4], second.name) == ("web", "k8s-", "jobs")


def test_an_order_without_a_context_goes_by_the_organisation(cf: Platform) -> None:
    assert cf.provision(context=None).status_code == 202
    assert row_of().runtime.account.name == ORGANIZATION


def test_two_tenants_may_use_one_id_without_learning_of_each_other(cf: Platform, other: Platform) -> None:
    stand(cf)
    assert other.fetch().status_code == 404
    assert other.deprovision().status_code == 410
    assert other.last().status_code == 404
    assert other.update(parameters={"autoScalerMax": 5}).status_code == 404
    assert other.provision().status_code == 202
    assert Runtime.objects.count() == 2


def test_a_deleted_id_may_be_ordered_anew(cf: Platform) -> None:
    stand(cf)
    finish(read(cf.deprovision())["operation"])
    assert cf.provision().status_code == 202
    assert OsbInstance.objects.filter(instance_id=INSTANCE).count() == 2


def test_at_a_regions_address_the_region_is_fixed(cf: Platform) -> None:
    cf.root = "/osb/us-east-1/v2"
    refused = cf.provision()
    assert error(refused) == (400, "MalformedRequest")
    assert "region us-east-1's" in read(refused)["description"]
    assert cf.provision(parameters={}).status_code == 202
    assert row_of().runtime.region == "us-east-1"
    cf.root = "/osb/eu-central-1/v2"
    finish(row_of().operation_id)
    assert error(cf.fetch()) == (400, "MalformedRequest")


def test_a_platform_of_many_tenants_orders_for_mapped_organisations_only(world: World) -> None:
    platform = Platform(None, name="marketplace")
    assert error(platform.provision()) == (403, "OrganizationNotMapped")
    assert not Runtime.objects.exists()
    map_organization(
        actor=SYSTEM, username=platform.row.username, organization=ORGANIZATION, tenant=world.basalt
    )
    stand(platform)
    assert row_of().tenant == world.basalt
    assert platform.fetch().status_code == 200
    assert platform.provision().status_code == 200
    assert platform.last().status_code == 200
    assert platform.update(parameters={"autoScalerMax": 5}).status_code == 202
    assert platform.deprovision().status_code == 202
    assert platform.get("/catalog").status_code == 200


def test_two_platforms_of_many_tenants_never_meet(world: World) -> None:
    one, two = Platform(None, name="one"), Platform(None, name="two")
    for platform in (one, two):
        map_organization(
            actor=SYSTEM, username=platform.row.username, organization=ORGANIZATION, tenant=world.basalt
        )
    stand(one)
    assert two.fetch().status_code == 404
    assert two.deprovision().status_code == 410


def test_what_the_provisioner_refuses_is_said(cf: Platform, world: World) -> None:
    Tenant.objects.filter(pk=world.archipel.pk).update(state="suspended")
    assert error(cf.provision()) == (403, "TenantSuspended")
    assert not Account.objects.exists()


def test_a_taken_quota_is_said(cf: Platform, world: World) -> None:
    Tenant.objects.filter(pk=world.archipel.pk).update(runtime_quota=0)
    response = cf.ask("PUT", f"/service_instances/{INSTANCE}", wish(), WAIT)
    assert error(response) == (403, "QuotaExceeded")
    assert not Runtime.objects.exists()
