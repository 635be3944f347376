"""Each wrong parameter has its own code, and a sentence that names the field and the remedy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controlplane.catalog.validation import check_parameters
from controlplane.kernel.errors import Refused
from tests.reviewed import reviewed_catalog

CATALOG = reviewed_catalog()
AWS = CATALOG.plan_facts("aws")
TRIAL = CATALOG.plan_facts("trial")


def pools(*entries: dict[str, Any]) -> dict[str, Any]:
    """Parameters with additional pools; each entry changes a plain pool."""
    plain = {"name": "extra", "machineType": "m6i.large"}
    return {"additionalWorkerNodePools": [plain | entry for entry in entries]}


def taint(**more: str) -> dict[str, Any]:
    """Parameters with one pool that has one taint."""
    return pools({"taints": [{"key": "example.com/only", "effect": "NoSchedule"} | more]})


ISSUER = {"issuerURL": "https://login.example.com", "clientID": "nesoi"}
WINDOW = {"begin": "22:00", "end": "02:00"}
POOL = "parameters.additionalWorkerNodePools.0"
NETS = "parameters.networking"

# What is given, the code, the field, and words that the sentence must hold.
CASES: list[tuple[dict[str, Any], str, str, str]] = [
    ({"region": "mars-1"}, "region_not_in_plan", "parameters.region", "eu-central-1"),
    ({"region": "eu-cental-1"}, "region_not_in_plan", "parameters.region", "Did you mean eu-central-1?"),
    ({"region": None}, "wrong_type", "parameters.region", "a text"),
    ({"machinetype": "m6i.large"}, "unknown_field", "parameters.machinetype", "Did you mean machineType?"),
    ({"machineType": "m6i.huge"}, "machine_type_not_in_plan", "parameters.machineType", "m6i.large"),
    ({"machineType": "g6.xlarge"}, "machine_type_not_in_plan", "parameters.machineType", "Choose one of"),
    ({"autoScalerMin": 2}, "ha_minimum_too_low", "parameters.autoScalerMin", "at least 3 nodes"),
    ({"autoScalerMin": True}, "wrong_type", "parameters.autoScalerMin", "a whole number"),
    ({"autoScalerMin": "3"}, "wrong_type", "parameters.autoScalerMin", "a whole number"),
    ({"autoScalerMin": 3.5}, "wrong_type", "parameters.autoScalerMin", "a whole number"),
    ({"autoScalerMax": 301}, "too_large", "parameters.autoScalerMax", "at most 300 nodes"),
    (
        {"autoScalerMin": 9, "autoScalerMax": 5},
        "minimum_above_maximum",
        "parameters.autoScalerMin",
        "lower the minimum",
    ),
    (pools({"machineType": "nope"}), "machine_type_not_in_plan", f"{POOL}.machineType", "Choose one of"),
    (
        pools({"machineType": "g6.xlarge"}),
        "machine_type_without_zones",
        f"{POOL}.machineType",
        "haZones to false",
    ),
    (pools({"name": "GPU"}), "pool_name_invalid", f"{POOL}.name", "lower-case"),
    (pools({"name": "a" * 16}), "pool_name_invalid", f"{POOL}.name", "15"),
    (pools({"name": "pool\n"}), "pool_name_invalid", f"{POOL}.name", "lower-case"),
    (pools({"name": "main"}), "pool_name_reserved", f"{POOL}.name", "another name"),
    (
        pools({}, {}),
        "pool_name_taken",
        "parameters.additionalWorkerNodePools.1.name",
        "another name",
    ),
    (pools({"autoScalerMin": 2}), "ha_minimum_too_low", f"{POOL}.autoScalerMin", "haZones to false"),
    (
        pools({"haZones": False, "autoScalerMin": 4, "autoScalerMax": 2}),
        "minimum_above_maximum",
        f"{POOL}.autoScalerMin",
        "raise the maximum",
    ),
    (pools({"autoScalerMax": 0}), "too_small", f"{POOL}.autoScalerMax", "at least 1 nodes"),
    (
        pools(*({"name": f"p{n}"} for n in range(21))),
        "too_many",
        "parameters.additionalWorkerNodePools",
        "20",
    ),
    (pools({"labels": {"a b": "c"}}), "wrong_format", f"{POOL}.labels", "letters, digits"),
    (pools({"labels": {"a": "c d"}}), "wrong_format", f"{POOL}.labels.a", "letters, digits"),
    (
        pools({"labels": {"node.kubernetes.io/x": "y"}}),
        "key_reserved",
        f"{POOL}.labels",
        "a domain of your own",
    ),
    (pools({"annotations": {"gardener.cloud/x": "y"}}), "key_reserved", f"{POOL}.annotations", "your own"),
    (taint(effect="Sometimes"), "taint_invalid", f"{POOL}.taints.0.effect", "NoSchedule"),
    (taint(key="a b"), "taint_invalid", f"{POOL}.taints.0.key", "letters, digits"),
    (taint(key="k8s.io/x"), "key_reserved", f"{POOL}.taints.0.key", "your own"),
    (
        pools({"taints": [{"key": "a", "effect": "NoExecute"}, {"key": "a", "effect": "NoExecute"}]}),
        "taint_invalid",
        f"{POOL}.taints.1",
        "remove one",
    ),
    ({"networking": {"nodes": "10.250.0.0"}}, "cidr_invalid", f"{NETS}.nodes", "10.250.0.0/16"),
    ({"networking": {"nodes": "10.250.0.1/16"}}, "cidr_invalid", f"{NETS}.nodes", "mean 10.250.0.0/16?"),
    ({"networking": {"nodes": "10.300.0.0/16"}}, "cidr_invalid", f"{NETS}.nodes", "write it like"),
    ({"networking": {"nodes": "10.96.0.0/16"}}, "networks_overlap", f"{NETS}.pods", "choose ranges apart"),
    ({"networking": {"nodes": "10.242.0.0/16"}}, "network_reserved", f"{NETS}.nodes", "Gardener's seeds"),
    ({"networking": {"nodes": "8.8.0.0/16"}}, "network_not_private", f"{NETS}.nodes", "10.0.0.0/8"),
    ({"networking": {"nodes": "10.250.0.0/25"}}, "network_too_small", f"{NETS}.nodes", "/23"),
    ({"networking": {"pods": "10.96.0.0/21"}}, "network_too_small", f"{NETS}.pods", "autoScalerMax"),
    ({"networking": {"node": "10.250.0.0/16"}}, "unknown_field", f"{NETS}.node", "Did you mean nodes?"),
    ({"oidc": {"clientID": "x"}}, "required_field", "parameters.oidc.issuerURL", "add it"),
    (
        {"oidc": ISSUER | {"issuerURL": "http://a.example"}},
        "oidc_url_invalid",
        "parameters.oidc.issuerURL",
        "https",
    ),
    (
        {"oidc": ISSUER | {"issuerURL": "https://[::"}},
        "oidc_url_invalid",
        "parameters.oidc.issuerURL",
        "https address",
    ),
    ({"oidc": ISSUER | {"list": []}}, "oidc_list_and_fields", "parameters.oidc", "not both"),
    (
        {"oidc": {"list": [ISSUER, ISSUER]}},
        "oidc_issuer_taken",
        "parameters.oidc.list.1.issuerURL",
        "one entry",
    ),
    ({"oidc": ISSUER | {"signingAlgs": ["none"]}}, "not_one_of", "parameters.oidc.signingAlgs.0", "RS256"),
    (
        {"oidc": ISSUER | {"requiredClaims": ["x"]}},
        "wrong_format",
        "parameters.oidc.requiredClaims.0",
        "key=value",
    ),
    ({"oidc": {}}, "required_field", "parameters.oidc", "leave parameters.oidc out"),
    ({"oidc": []}, "wrong_type", "parameters.oidc", "an object"),
    ({"administrators": ["a b"]}, "wrong_format", "parameters.administrators.0", "no spaces"),
    ({"administrators": ["a", "a"]}, "not_unique", "parameters.administrators", "remove one"),
    (
        {"administrators": ["system:admin"]},
        "administrator_reserved",
        "parameters.administrators.0",
        "remove it",
    ),
    (
        {"modules": {"default": True, "list": []}},
        "modules_default_and_list",
        "parameters.modules",
        "not both",
    ),
    (
        {"modules": {"list": [{"name": "service-mash"}]}},
        "module_unknown",
        "parameters.modules.list.0.name",
        "Did you mean service-mesh?",
    ),
    (
        {"modules": {"list": [{"name": "eventing"}, {"name": "eventing"}]}},
        "module_taken",
        "parameters.modules.list",
        "keep one",
    ),
    ({"modules": {"lst": []}}, "unknown_field", "parameters.modules.lst", "Did you mean list?"),
    ({"channel": "slow"}, "not_one_of", "parameters.channel", "fast, regular"),
    ({"ingressFiltering": 1}, "wrong_type", "parameters.ingressFiltering", "true or false"),
    (
        {"accessControlList": {"allowedCIDRs": ["203.0.113.7/24"]}},
        "cidr_invalid",
        "parameters.accessControlList.allowedCIDRs.0",
        "203.0.113.0/24",
    ),
    (
        {"accessControlList": {"allowedCIDRs": ["everyone"]}},
        "cidr_invalid",
        "parameters.accessControlList.allowedCIDRs.0",
        "CIDR",
    ),
    (
        {"maintenanceWindow": WINDOW | {"timezone": "Europe/Berln"}},
        "timezone_unknown",
        "parameters.maintenanceWindow.timezone",
        "Europe/Berlin",
    ),
    (
        {"maintenanceWindow": WINDOW | {"begin": "24:00"}},
        "wrong_format",
        "parameters.maintenanceWindow.begin",
        "HH:MM",
    ),
    (
        {"maintenanceWindow": {"begin": "01:00", "end": "01:00"}},
        "window_length",
        "parameters.maintenanceWindow.end",
        "30",
    ),
    (
        {"maintenanceWindow": {"begin": "02:00", "end": "01:00"}},
        "window_length",
        "parameters.maintenanceWindow.end",
        "360",
    ),
    ({"administrators": ["a\0"]}, "invalid_text", "parameters.administrators.0", "remove it"),
    ({"administrators": ["\ud800"]}, "invalid_text", "parameters.administrators.0", "remove it"),
]


@pytest.mark.parametrize(("given", "code", "field", "words"), CASES)
def test_it_is_refused_with_its_code_its_field_and_the_remedy(
    given: dict[str, Any], code: str, field: str, words: str
) -> None:
    with pytest.raises(Refused) as refusal:
        check_parameters(AWS, {"region": "eu-central-1"} | given)
    assert [error.code for error in refusal.value.errors] == [code]
    error = refusal.value.errors[0]
    assert error.field == field
    assert words in error.detail
    assert field in error.detail
    assert refusal.value.code == code
    assert refusal.value.status == 422


def test_a_region_is_required() -> None:
    with pytest.raises(Refused, match=r"parameters\.region") as refusal:
        check_parameters(AWS, {})
    assert refusal.value.code == "required_field"


@pytest.mark.parametrize("given", [None, [], "x", 3])
def test_parameters_that_are_no_object_are_refused(given: Any) -> None:
    with pytest.raises(Refused) as refusal:
        check_parameters(AWS, given)
    assert refusal.value.code == "wrong_type"


def test_a_gpu_machine_is_refused_where_the_region_has_none_and_gpu_machines_are_suggested() -> None:
    given = {"region": "eu-west-1"} | pools({"machineType": "g6.xlarge", "haZones": False})
    with pytest.raises(Refused) as refusal:
        check_parameters(AWS, given)
    assert refusal.value.code == "machine_type_not_in_region"
    assert "g4dn.xlarge" in refusal.value.detail
    assert "us-east-1" in refusal.value.detail


def test_all_faults_are_reported_together() -> None:
    given = {"region": "eu-central-1", "autoScalerMin": 9, "autoScalerMax": 5} | pools(
        {}, {"autoScalerMin": 1}
    )
    with pytest.raises(Refused) as refusal:
        check_parameters(AWS, given)
    codes = [error.code for error in refusal.value.errors]
    assert codes == ["minimum_above_maximum", "ha_minimum_too_low", "pool_name_taken"]
    assert all(error.detail in refusal.value.detail for error in refusal.value.errors)


def test_a_parameter_that_the_plan_fixes_is_refused_with_that_reason() -> None:
    with pytest.raises(Refused, match="fixed by plan trial") as refusal:
        check_parameters(TRIAL, {"region": "eu-central-1", "machineType": "m6i.large"})
    assert refusal.value.code == "unknown_field"


def test_a_retired_plan_takes_no_new_runtime() -> None:
    with pytest.raises(Refused, match="choose another plan") as refusal:
        check_parameters(replace(AWS, state="retired"), {"region": "eu-central-1"})
    assert refusal.value.code == "plan_retired"
