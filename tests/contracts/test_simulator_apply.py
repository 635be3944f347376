"""Server-side apply: ownership, conflicts, force, and fields that go when their owner drops them."""

from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.plugins.simulator import SHOOTS, Simulator, a_shoot

APPLY = "application/apply-patch+yaml"
MAPS = "/api/v1/namespaces/garden-nesoi/configmaps"


def apply(
    simulator: Simulator, name: str, manager: str, data: dict[str, str], force: bool = False, **metadata: Any
) -> Any:
    """Apply a ConfigMap as a field manager."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}, "data": data}
    query = f"?fieldManager={manager}&force={str(force).lower()}"
    return simulator.call("PATCH", f"{MAPS}/{name}{query}", body, Content_Type=APPLY)


def test_two_managers_own_their_own_fields(simulator: Simulator) -> None:
    apply(simulator, "two", "anna", {"a": "1"})
    both = apply(simulator, "two", "ben", {"b": "2"})
    assert both["data"] == {"a": "1", "b": "2"}
    owners = {each["manager"]: each["fieldsV1"] for each in both["metadata"]["managedFields"]}
    assert owners == {"anna": {"f:data": {"f:a": {}}}, "ben": {"f:data": {"f:b": {}}}}


def test_a_contested_field_is_a_conflict_until_forced(simulator: Simulator) -> None:
    apply(simulator, "contested", "anna", {"a": "1"})
    with pytest.raises(HTTPError) as caught:
        apply(simulator, "contested", "ben", {"a": "2"})
    status = json.loads(caught.value.read())
    assert caught.value.code == 409
    assert status["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "anna"', "field": ".data.a"}
    ]
    forced = apply(simulator, "contested", "ben", {"a": "2"}, force=True)
    assert forced["data"] == {"a": "2"}
    assert [each["manager"] for each in forced["metadata"]["managedFields"]] == ["ben"]


def test_a_dropped_field_goes_unless_another_owns_it(simulator: Simulator) -> None:
    apply(simulator, "dropped", "anna", {"mine": "1", "ours": "2"})
    apply(simulator, "dropped", "ben", {"ours": "2"})
    assert apply(simulator, "dropped", "anna", {"other": "3"})["data"] == {"ours": "2", "other": "3"}


def test_a_dropped_label_goes_and_takes_no_other_with_it(simulator: Simulator) -> None:
    apply(simulator, "labels", "anna", {"a": "1"}, labels={"x": "1", "y": "2"})
    assert apply(simulator, "labels", "anna", {"a": "1"}, labels={"x": "1"})["metadata"]["labels"] == {
        "x": "1"
    }
    assert "labels" not in apply(simulator, "labels", "anna", {"a": "1"})["metadata"]


def test_empty_metadata_is_owned_by_nobody_so_dropping_a_field_is_no_conflict(simulator: Simulator) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}, "data": {"a": "1", "b": "2"}}
    for manager in ("anna", "ben"):
        simulator.call("PATCH", f"{MAPS}/empty?fieldManager={manager}", body, Content_Type=APPLY)
    del body["data"]["b"]  # type: ignore[attr-defined]
    for manager in ("anna", "ben"):
        left = simulator.call("PATCH", f"{MAPS}/empty?fieldManager={manager}", body, Content_Type=APPLY)
    assert left["data"] == {"a": "1"}


def test_an_apply_that_changes_nothing_keeps_the_version(simulator: Simulator) -> None:
    first = apply(simulator, "same", "anna", {"a": "1"})
    assert apply(simulator, "same", "anna", {"a": "1"}) == first


def test_an_ordinary_write_takes_ownership_and_the_applier_is_told(simulator: Simulator) -> None:
    apply(simulator, "drift", "anna", {"a": "1"})
    kind = "application/merge-patch+json"
    simulator.call("PATCH", f"{MAPS}/drift?fieldManager=hand", {"data": {"a": "9"}}, Content_Type=kind)
    with pytest.raises(HTTPError) as caught:
        apply(simulator, "drift", "anna", {"a": "1"})
    assert 'conflict with "hand" using v1' in json.loads(caught.value.read())["message"]


def test_a_dry_run_stores_nothing(simulator: Simulator) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dry"}, "data": {"a": "1"}}
    simulator.call("PATCH", f"{MAPS}/dry?fieldManager=anna&dryRun=All", body, Content_Type=APPLY)
    with pytest.raises(HTTPError) as caught:
        simulator.call("GET", f"{MAPS}/dry")
    assert caught.value.code == 404


def test_apply_without_a_manager_is_refused(simulator: Simulator) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "nobody"}}
    with pytest.raises(HTTPError) as caught:
        simulator.call("PATCH", f"{MAPS}/nobody", body, Content_Type=APPLY)
    assert caught.value.code == 422


def test_worker_pools_of_a_shoot_merge_by_name(simulator: Simulator) -> None:
    shoot = a_shoot("pools")
    simulator.call("PATCH", f"{SHOOTS}/pools?fieldManager=nesoi", shoot, Content_Type=APPLY)
    simulator.wait_for("pools")
    other = {
        "apiVersion": shoot["apiVersion"],
        "kind": "Shoot",
        "spec": {
            "provider": {
                "workers": [{**shoot["spec"]["provider"]["workers"][0], "name": "extra", "maximum": 5}]
            }
        },
    }
    both = simulator.call("PATCH", f"{SHOOTS}/pools?fieldManager=sre", other, Content_Type=APPLY)
    assert [each["name"] for each in both["spec"]["provider"]["workers"]] == ["main", "extra"]
    again = simulator.call("PATCH", f"{SHOOTS}/pools?fieldManager=nesoi", shoot, Content_Type=APPLY)
    assert [each["name"] for each in again["spec"]["provider"]["workers"]] == ["main", "extra"]
    other["spec"] = {}
    gone = simulator.call("PATCH", f"{SHOOTS}/pools?fieldManager=sre", other, Content_Type=APPLY)
    assert [each["name"] for each in gone["spec"]["provider"]["workers"]] == ["main"]


def test_what_gardener_writes_into_a_shoot_is_no_conflict_for_its_applier(simulator: Simulator) -> None:
    shoot = a_shoot("steady")
    simulator.call("PATCH", f"{SHOOTS}/steady?fieldManager=nesoi", shoot, Content_Type=APPLY)
    built = simulator.wait_for("steady")
    again = simulator.call("PATCH", f"{SHOOTS}/steady?fieldManager=nesoi", shoot, Content_Type=APPLY)
    assert again == built
