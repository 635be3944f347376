"""Shoots live as Gardener's do: built, changed, slept, failed, deleted."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.plugins.simulator import SHOOTS, Simulator, a_shoot

# As Any: the client ships half of its types.
client: Any = import_module("kubernetes.client")
config: Any = import_module("kubernetes.config")


POOL = {
    "name": "main",
    "machine": {"type": "m6i.large"},
    "minimum": 1,
    "maximum": 3,
    "zones": ["eu-central-1a"],
}


def refusal(simulator: Simulator, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
    """Return the Status of a request that must be refused."""
    with pytest.raises(HTTPError) as caught:
        simulator.call(method, path, body, **headers)
    status: dict[str, Any] = json.loads(caught.value.read())
    assert status["kind"] == "Status"
    assert status["code"] == caught.value.code
    return status


def fields(status: dict[str, Any]) -> list[str]:
    """Return the fields a 422 complains of."""
    return [each["field"] for each in status["details"]["causes"]]


def test_a_shoot_is_built_and_says_how_it_is(simulator: Simulator) -> None:
    shoot = simulator.create_shoot("life1")
    status = shoot["status"]
    assert status["lastOperation"]["type"] == "Create"
    assert status["lastOperation"]["progress"] == 100
    assert {each["type"]: each["status"] for each in status["conditions"]} == {
        "APIServerAvailable": "True",
        "ControlPlaneHealthy": "True",
        "EveryNodeReady": "True",
        "ObservabilityComponentsHealthy": "True",
        "SystemComponentsHealthy": "True",
    }
    assert status["technicalID"] == "shoot--nesoi--life1"
    assert status["advertisedAddresses"][0]["url"] == f"{simulator.url}/clusters/garden-nesoi/life1"
    assert shoot["metadata"]["labels"]["shoot.gardener.cloud/status"] == "healthy"
    assert shoot["spec"]["maintenance"]["timeWindow"] == {"begin": "220000+0000", "end": "230000+0000"}


def test_an_unconfirmed_deletion_is_refused_and_a_confirmed_one_leaves_nothing(simulator: Simulator) -> None:
    simulator.create_shoot("life2")
    status = refusal(simulator, "DELETE", f"{SHOOTS}/life2")
    assert status["code"] == 403
    assert "confirmation.gardener.cloud/deletion" in status["message"]
    simulator.delete_shoot("life2")
    assert refusal(simulator, "GET", f"{SHOOTS}/life2")["reason"] == "NotFound"


def test_a_shoot_deleted_while_it_is_created_goes_away(simulator: Simulator) -> None:
    with simulator.set(build_seconds=3000):
        simulator.create_shoot("life3", wait=False)
        simulator.delete_shoot("life3")


def test_a_new_spec_is_reconciled_and_counted(simulator: Simulator) -> None:
    before = simulator.create_shoot("life4")["metadata"]["generation"]
    simulator.patch_shoot("life4", {"spec": {"kubernetes": {"version": "1.35.4"}}})
    shoot = simulator.wait_for("life4")
    assert shoot["metadata"]["generation"] == before + 1
    assert shoot["status"]["lastOperation"]["type"] == "Reconcile"


def test_a_change_of_labels_alone_starts_no_operation(simulator: Simulator) -> None:
    before = simulator.create_shoot("life5")
    after = simulator.patch_shoot("life5", {"metadata": {"labels": {"x": "y"}}})
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert after["status"] == before["status"]


def test_a_user_cannot_write_the_status_past_its_subresource(simulator: Simulator) -> None:
    simulator.create_shoot("life6")
    changed = simulator.patch_shoot("life6", {"status": {"hibernated": True}})
    assert changed["status"]["hibernated"] is False


def test_a_cluster_that_sleeps_does_not_answer_and_waking_brings_its_nodes_back(simulator: Simulator) -> None:
    simulator.create_shoot("sleep1")
    simulator.patch_shoot("sleep1", {"spec": {"hibernation": {"enabled": True}}})
    assert simulator.wait_for("sleep1")["status"]["hibernated"] is True
    with pytest.raises(client.ApiException) as caught:
        count(simulator, "sleep1")
    assert caught.value.status == 503
    simulator.patch_shoot("sleep1", {"spec": {"hibernation": {"enabled": False}}})
    assert simulator.wait_for("sleep1")["status"]["hibernated"] is False
    assert count(simulator, "sleep1") == 1


def count(simulator: Simulator, name: str) -> int:
    """Return how many nodes a cluster's own API lists."""

    api = config.new_client_from_config(str(simulator.kubeconfig_of(name)))
    return len(client.CoreV1Api(api).list_node().items)


@pytest.mark.parametrize(
    "code", ["ERR_INFRA_QUOTA_EXCEEDED", "ERR_INFRA_UNAUTHORIZED", "ERR_CONFIGURATION_PROBLEM"]
)
def test_a_lasting_failure_ends_failed_and_retry_takes_it_up(simulator: Simulator, code: str) -> None:
    name = f"f{code[-6:].lower()}".replace("_", "")
    with simulator.set(failures=[{"code": code, "rate": 1.0, "name_regex": f"^{name}$"}]):
        simulator.create_shoot(name, wait=False)
        shoot = simulator.wait_for(name, "Failed")
    assert shoot["status"]["lastErrors"][0]["codes"] == [code]
    assert shoot["metadata"]["labels"]["shoot.gardener.cloud/status"] == "unhealthy"
    simulator.patch_shoot(name, {"metadata": {"annotations": {"gardener.cloud/operation": "retry"}}})
    shoot = simulator.wait_for(name)
    assert "lastErrors" not in shoot["status"]
    assert "gardener.cloud/operation" not in shoot["metadata"].get("annotations", {})


def test_a_passing_failure_is_retried_by_itself(simulator: Simulator) -> None:
    failure = {"code": "ERR_INFRA_RATE_LIMITS_EXCEEDED", "rate": 1.0, "name_regex": "^passing$"}
    with simulator.set(failures=[failure]):
        simulator.create_shoot("passing", wait=False)
        assert simulator.wait_for("passing", "Error")["status"]["lastErrors"][0]["codes"] == [failure["code"]]
    assert simulator.wait_for("passing")["status"]["lastOperation"]["type"] == "Create"


def test_a_failed_shoot_can_be_deleted(simulator: Simulator) -> None:
    failure = {"code": "ERR_INFRA_DEPENDENCIES", "operation": "Create", "name_regex": "^broken$"}
    with simulator.set(failures=[failure]):
        simulator.create_shoot("broken", wait=False)
        simulator.wait_for("broken", "Failed")
        simulator.delete_shoot("broken")


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"region": "eu-nowhere-1"}, "spec.region"),
        ({"credentialsBindingName": "nobody"}, "spec.credentialsBindingName"),
        ({"credentialsBindingName": "gcp"}, "spec.credentialsBindingName"),
        ({"cloudProfile": None}, "spec.cloudProfile.name"),
        ({"secretBindingName": "aws"}, "spec.secretBindingName"),
        ({"kubernetes": {"version": "1.12.0"}}, "spec.kubernetes.version"),
        ({"provider": {"type": "aws", "workers": []}}, "spec.provider.workers"),
        (
            {"provider": {"type": "aws", "workers": [{**POOL, "machine": {"type": "big"}}]}},
            "spec.provider.workers[0].machine.type",
        ),
        (
            {"provider": {"type": "aws", "workers": [{**POOL, "zones": ["mars"]}]}},
            "spec.provider.workers[0].zones[0]",
        ),
        (
            {"provider": {"type": "aws", "workers": [{**POOL, "minimum": 5}]}},
            "spec.provider.workers[0].maximum",
        ),
        (
            {"provider": {"type": "aws", "workers": [{**POOL, "systemComponents": {"allow": False}}]}},
            "spec.provider.workers",
        ),
        (
            {
                "provider": {
                    "type": "aws",
                    "workers": [{**POOL, "maximum": 1, "zones": ["eu-central-1a", "eu-central-1b"]}],
                }
            },
            "spec.provider.workers[0].maximum",
        ),
        ({"networking": {"nodes": "10.0.0.0/8", "pods": "10.96.0.0/13"}}, "spec.networking.pods"),
        ({"networking": {"nodes": "10.250.0.1/16"}}, "spec.networking.nodes"),
        ({"provider": "aws"}, "spec.provider"),
        ({"purpose": "fun"}, "spec.purpose"),
        (
            {"maintenance": {"timeWindow": {"begin": "noon", "end": "230000+0000"}}},
            "spec.maintenance.timeWindow.begin",
        ),
    ],
)
def test_a_wrong_shoot_is_refused_naming_the_field(
    simulator: Simulator, spec: dict[str, Any], field: str
) -> None:
    status = refusal(simulator, "POST", SHOOTS, a_shoot("wrong", **spec))
    assert status["code"] == 422
    assert field in fields(status)


def test_a_name_too_long_for_its_project_is_refused(simulator: Simulator) -> None:
    status = refusal(simulator, "POST", SHOOTS, a_shoot("a-name-of-17-letr"))
    assert fields(status) == ["metadata.name"]
    assert "21" in status["message"]


@pytest.mark.parametrize(
    "change",
    [
        {"region": "eu-west-1"},
        {"networking": {"nodes": "10.251.0.0/16"}},
        {"kubernetes": {"version": "1.33.12"}},
        {"kubernetes": {"version": "1.36.1"}},
    ],
)
def test_what_is_fixed_cannot_be_changed(simulator: Simulator, change: dict[str, Any]) -> None:
    if not any(each["metadata"]["name"] == "fixed" for each in simulator.call("GET", SHOOTS)["items"]):
        simulator.create_shoot("fixed")
    kind = "application/merge-patch+json"
    status = refusal(simulator, "PATCH", f"{SHOOTS}/fixed", {"spec": change}, Content_Type=kind)
    assert status["reason"] == "Invalid"


def test_a_minor_version_finds_its_newest_supported_patch(simulator: Simulator) -> None:
    shoot = simulator.create_shoot("patch", kubernetes={"version": "1.34"})
    assert shoot["spec"]["kubernetes"]["version"] == "1.34.8"


@pytest.mark.parametrize(
    "spec",
    [
        {"provider": {"type": "aws", "workers": [{**POOL, "machine": "m6i.large"}]}},
        {"provider": {"type": "aws", "workers": [{**POOL, "zones": 1}]}},
        {"provider": {"type": "aws", "workers": [{**POOL, "taints": "x"}]}},
        {"provider": {"type": "aws", "workers": [{**POOL, "minimum": "1"}]}},
        {"provider": {"type": "aws", "workers": ["main"]}},
        {"networking": {"nodes": 5}},
        {"networking": []},
        {"kubernetes": {"version": 1.34}},
        {"maintenance": {"timeWindow": "always"}},
        {"cloudProfile": {"name": 7}},
        {"hibernation": True},
        {"purpose": 3},
    ],
)
def test_fields_of_a_wrong_type_are_refused_not_stumbled_over(
    simulator: Simulator, spec: dict[str, Any]
) -> None:
    assert refusal(simulator, "POST", SHOOTS, a_shoot("types", **spec))["code"] in (400, 422)


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": "x"},
        {"metadata": {"name": 5}},
        {"metadata": {"name": "Upper"}},
        {"metadata": {}},
        {"metadata": {"name": "a", "labels": {"a": 1}}},
        {"metadata": {"name": "a", "finalizers": "x"}},
        {"metadata": {"name": "a", "namespace": "elsewhere"}},
        {"metadata": {"name": "a"}, "spec": []},
        {"metadata": {"name": "a"}, "kind": "Pod"},
        {"metadata": {"name": "a"}},
        [],
        "text",
    ],
)
def test_an_object_that_is_none_is_refused(simulator: Simulator, body: Any) -> None:
    assert refusal(simulator, "POST", SHOOTS, body)["code"] in (400, 422)


def test_a_change_confined_to_the_maintenance_window_waits_until_maintenance_is_asked_for(
    simulator: Simulator,
) -> None:
    simulator.create_shoot("confined", maintenance={"confineSpecUpdateRollout": True})
    before = simulator.wait_for("confined")["metadata"]["generation"]
    simulator.patch_shoot("confined", {"spec": {"kubernetes": {"version": "1.35.4"}}})
    assert simulator.shoot("confined")["metadata"]["generation"] == before
    simulator.patch_shoot("confined", {"metadata": {"annotations": {"gardener.cloud/operation": "maintain"}}})
    rolled_out = simulator.wait_for("confined")
    assert rolled_out["metadata"]["generation"] == rolled_out["status"]["observedGeneration"] == before + 1
    assert rolled_out["status"]["lastOperation"]["type"] == "Reconcile"
    assert "gardener.cloud/operation" not in rolled_out["metadata"].get("annotations", {})
