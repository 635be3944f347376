"""PATCH and DELETE: merged, guarded by If-Match, answered with the operation."""

from __future__ import annotations

import pytest

from provisioner.runtimes.models import Runtime
from tests.api.asking import Asking, problem, read

pytestmark = pytest.mark.django_db


@pytest.fixture
def checkout(alice: Asking) -> str:
    """The path of a runtime of Alice's."""
    runtime = alice.order()["runtime"]["id"]
    return f"/runtimes/{runtime}"


def test_a_parameter_replaces_the_old_one_and_the_others_stay(alice: Asking, checkout: str) -> None:
    before = read(alice.get(checkout))
    response = alice.patch(checkout, {"parameters": {"autoScalerMax": 9}}, If_Match='"r1"')
    body = read(response)
    assert response.status_code == 202
    assert response["Location"] == body["operation"]["url"]
    assert response["ETag"] == '"r2"'
    after = body["runtime"]["spec"]["parameters"]
    assert after == {**before["spec"]["parameters"], "autoScalerMax": 9}


def test_a_maintenance_window_is_taken_back_with_null(alice: Asking, checkout: str) -> None:
    window = {"begin": "01:00", "end": "03:00"}
    assert alice.patch(checkout, {"parameters": {"maintenanceWindow": window}}).status_code == 202
    assert Runtime.objects.get().cluster_spec["maintenance"]["begin"] == "010000+0000"
    body = read(alice.patch(checkout, {"parameters": {"maintenanceWindow": None}}))
    assert "maintenanceWindow" not in body["runtime"]["spec"]["parameters"]
    assert Runtime.objects.get().cluster_spec["maintenance"]["begin"] == "220000+0000"


def test_labels_alone_need_no_operation(alice: Asking, checkout: str) -> None:
    response = alice.patch(checkout, {"labels": {"stage": "test"}})
    body = read(response)
    assert (response.status_code, body["operation"], body["runtime"]["labels"]) == (
        200,
        None,
        {"stage": "test"},
    )
    assert "Location" not in response


def test_of_two_who_know_the_same_labels_only_the_first_writes(alice: Asking, checkout: str) -> None:
    tag = alice.get(checkout)["ETag"]
    first = alice.patch(checkout, {"labels": {"stage": "test"}}, If_Match=tag)
    assert (first.status_code, first["ETag"] != tag) == (200, True)
    assert problem(alice.patch(checkout, {"labels": {"owner": "ops"}}, If_Match=tag)) == (
        412,
        "stale_revision",
    )
    assert problem(alice.delete(checkout, If_Match=tag)) == (412, "stale_revision")
    assert read(alice.get(checkout))["labels"] == {"stage": "test"}
    assert alice.patch(checkout, {"labels": {"owner": "ops"}}, If_Match=first["ETag"]).status_code == 200


def test_every_write_moves_the_tag(alice: Asking, checkout: str) -> None:
    writes = ({"labels": {"a": "b"}}, {"parameters": {"autoScalerMax": 9}})
    tags = [alice.get(checkout)["ETag"], *(alice.patch(checkout, body)["ETag"] for body in writes)]
    tags.append(alice.delete(checkout)["ETag"])
    assert len(set(tags)) == 4
    assert alice.get(checkout)["ETag"] == tags[-1]


def test_an_empty_change_changes_nothing(alice: Asking, checkout: str) -> None:
    response = alice.patch(checkout, {})
    assert (response.status_code, response["ETag"]) == (200, '"r1"')


@pytest.mark.parametrize("tag", ['"r7"', '"r0"', '"1"', '"nonsense"', '"r99999999999999999999"'])
def test_a_stale_if_match_changes_nothing(alice: Asking, checkout: str, tag: str) -> None:
    assert problem(alice.patch(checkout, {"parameters": {"autoScalerMax": 9}}, If_Match=tag)) == (
        412,
        "stale_revision",
    )
    assert problem(alice.delete(checkout, If_Match=tag)) == (412, "stale_revision")
    assert Runtime.objects.get().generation == 1


@pytest.mark.parametrize("tag", ["7", 'W/"r1"', '"r1", "r2"', '"', "none"])
def test_a_malformed_if_match_is_named(alice: Asking, checkout: str, tag: str) -> None:
    assert problem(alice.patch(checkout, {"labels": {}}, If_Match=tag)) == (400, "if_match_invalid")


@pytest.mark.parametrize("tag", ["*", '"r1"'])
def test_the_newest_tag_and_the_star_let_a_delete_through(alice: Asking, checkout: str, tag: str) -> None:
    response = alice.delete(checkout, If_Match=tag)
    assert response.status_code == 202
    assert read(response)["operation"]["kind"] == "deprovision"


def test_a_second_delete_answers_with_the_same_operation(alice: Asking, checkout: str) -> None:
    first, second = (read(alice.delete(checkout))["operation"]["id"] for _ in range(2))
    assert first == second


def test_what_is_being_deleted_can_not_be_changed(alice: Asking, checkout: str) -> None:
    alice.delete(checkout)
    assert problem(alice.patch(checkout, {"parameters": {"autoScalerMax": 9}}))[0] == 409


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"parameter": {}}, "unknown_field"),
        ({"name": "other"}, "unknown_field"),
        ({"parameters": []}, "wrong_type"),
        ({"labels": None}, "wrong_type"),
        ({"parameters": {"region": "eu-west-1"}}, "immutable_field"),
    ],
)
def test_a_wrong_change_is_named_and_changes_nothing(
    alice: Asking, checkout: str, body: object, code: str
) -> None:
    assert problem(alice.patch(checkout, body)) == (422, code)
    assert Runtime.objects.get().generation == 1


def test_a_viewer_may_neither_change_nor_delete(vera: Asking, checkout: str) -> None:
    assert problem(vera.patch(checkout, {"labels": {}})) == (403, "forbidden")
    assert problem(vera.delete(checkout)) == (403, "forbidden")
    assert problem(vera.post(f"{checkout}/kubeconfig", {})) == (403, "forbidden")


def test_another_tenant_can_not_touch_it(bob: Asking, checkout: str) -> None:
    for response in (
        bob.patch(checkout, {"labels": {}}),
        bob.delete(checkout),
        bob.post(f"{checkout}/kubeconfig", {}),
        bob.get(f"{checkout}/operations"),
    ):
        assert problem(response) == (404, "runtime_not_found")


def test_a_runtime_that_is_not_built_has_no_kubeconfig(alice: Asking, checkout: str) -> None:
    assert problem(alice.post(f"{checkout}/kubeconfig")) == (409, "runtime_not_ready")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"ttl_seconds": 1}, "ttl_out_of_range"),
        ({"ttl_seconds": "1h"}, "wrong_type"),
        ({"role": "root"}, "not_one_of"),
    ],
)
def test_a_wrong_kubeconfig_request_is_named(alice: Asking, checkout: str, body: object, code: str) -> None:
    assert problem(alice.post(f"{checkout}/kubeconfig", body)) == (422, code)
