"""POST /runtimes: the wish is accepted, or refused with a code and nothing written."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.tenants.models import Tenant
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from tests.api.asking import WISH, Asking, problem, read
from tests.world import World

pytestmark = pytest.mark.django_db


def test_the_answer_is_202_with_the_runtime_and_where_to_watch_its_operation(alice: Asking) -> None:
    response = alice.post("/runtimes", WISH)
    body = read(response)
    assert response.status_code == 202
    assert response["Location"] == body["operation"]["url"]
    assert response["ETag"] == '"r1"'
    assert (body["runtime"]["account"], body["runtime"]["tenant"]) == ("shop", "archipel")
    assert body["runtime"]["status"]["phase"] == "pending"
    assert (body["operation"]["kind"], body["operation"]["state"]) == ("provision", "queued")
    assert read(alice.get(response["Location"]))["id"] == body["operation"]["id"]


def test_an_account_may_be_named_by_its_id(alice: Asking, world: World) -> None:
    assert alice.order(account=str(world.shop.id))["runtime"]["account"] == "shop"


def test_the_runtime_shows_every_default_of_its_plan(alice: Asking) -> None:
    spec = alice.order()["runtime"]["spec"]
    assert spec["parameters"]["autoScalerMin"] >= 1
    assert spec["channel"] == spec["parameters"]["channel"]
    assert spec["kubernetes_version"].count(".") == 2


REFUSALS: list[tuple[dict[str, Any], int, str, str]] = [
    ({"plan": "awss"}, 422, "plan_unknown", "plan"),
    ({"account": "shopp"}, 422, "account_unknown", "account"),
    ({"name": "Not A Name"}, 422, "name_invalid", "name"),
    ({"name": "n" * 41}, 422, "name_too_long", "name"),
    ({"name": 7}, 422, "wrong_type", "name"),
    ({"name": None}, 422, "wrong_type", "name"),
    ({"parameters": {}}, 422, "required_field", "parameters.region"),
    ({"parameters": {"region": "eu-centrale-1"}}, 422, "region_not_in_plan", "parameters.region"),
    (
        {"parameters": {"region": "eu-central-1", "autoScalerMn": 3}},
        422,
        "unknown_field",
        "parameters.autoScalerMn",
    ),
    ({"labels": {"team": 7}}, 422, "wrong_type", "labels.team"),
    ({"labels": {"nesoi.dev/x": "y"}}, 422, "label_reserved", "labels.nesoi.dev/x"),
    ({"parametres": {}}, 422, "unknown_field", "parametres"),
    ({"tenant": "basalt"}, 403, "forbidden", "tenant"),
]


@pytest.mark.parametrize(("changes", "status", "code", "field"), REFUSALS, ids=lambda value: str(value)[:40])
def test_a_wrong_wish_is_refused_by_name_and_nothing_is_written(
    alice: Asking, changes: dict[str, Any], status: int, code: str, field: str
) -> None:
    response = alice.post("/runtimes", {**WISH, **changes})
    assert problem(response) == (status, code)
    assert field in [error["field"] for error in read(response)["errors"]]
    assert not Runtime.objects.exists()
    assert not Operation.objects.exists()


def test_an_unknown_field_comes_with_the_nearest_known_one(alice: Asking) -> None:
    assert "Did you mean parameters?" in read(alice.post("/runtimes", {**WISH, "parametres": {}}))["detail"]


def test_what_is_missing_is_named(alice: Asking) -> None:
    response = alice.post("/runtimes", {})
    assert problem(response) == (422, "required_field")
    assert {error["field"] for error in read(response)["errors"]} == {"account", "name", "plan"}


def test_a_taken_name_is_refused(alice: Asking) -> None:
    alice.order()
    assert problem(alice.post("/runtimes", WISH)) == (409, "name_taken")


def test_a_suspended_tenant_creates_nothing_but_can_be_read(alice: Asking, world: World) -> None:
    alice.order()
    Tenant.objects.filter(pk=world.archipel.pk).update(state="suspended")
    assert problem(alice.post("/runtimes", {**WISH, "name": "other"})) == (403, "tenant_suspended")
    assert len(read(alice.get("/runtimes"))["results"]) == 1
    assert Runtime.objects.count() == 1


def test_a_tenant_over_its_quota_is_told_so(alice: Asking, world: World) -> None:
    Tenant.objects.filter(pk=world.archipel.pk).update(runtime_quota=1)
    alice.order()
    assert problem(alice.post("/runtimes", {**WISH, "name": "other"})) == (403, "quota_exceeded")


def test_a_plan_that_was_not_granted_is_refused_at_the_plan(alice: Asking) -> None:
    response = alice.post("/runtimes", {**WISH, "plan": "trial"})
    assert problem(response) == (403, "quota_exceeded")
    assert [error["field"] for error in read(response)["errors"]] == ["plan"]


def test_a_viewer_may_not_create(vera: Asking) -> None:
    assert problem(vera.post("/runtimes", WISH)) == (403, "forbidden")
    assert not Runtime.objects.exists()


def test_the_platforms_team_names_a_tenant_and_still_needs_the_role(sam: Asking) -> None:
    assert problem(sam.post("/runtimes", WISH)) == (403, "tenant_required")
    assert problem(sam.post("/runtimes", {**WISH, "tenant": "archipel"})) == (403, "forbidden")
    assert not Runtime.objects.exists()
