"""Every rule of the findings: silent in a clean runtime, and clear about what breaks it."""

from __future__ import annotations

import pytest

from provisioner.findings.looking import judge
from provisioner.findings.rules.registry import all_rules
from tests import findings

RULES = sorted(all_rules())


def test_every_rule_has_something_that_breaks_it() -> None:
    assert set(findings.BREAKING) == set(RULES)


def test_a_clean_runtime_has_no_findings() -> None:
    found = judge(findings.seen(findings.clean()))
    assert [one for each in found.findings.values() for one in each] == []
    assert not found.partial


@pytest.mark.parametrize("key", RULES)
def test_a_rule_names_the_object_the_trouble_and_the_remedy(key: str) -> None:
    make, name = findings.BREAKING[key]
    island = findings.clean()
    for document in make():
        island.apply(document)
    found = judge(findings.seen(island)).findings
    assert [one.object.name for one in found[key]] == [name]
    told = found[key][0]
    assert str(told.object) in told.sentence
    assert told.sentence.endswith(".")
    assert told.remedy.endswith(".")
    assert len(told.remedy) > 40
    rule = all_rules()[key]
    assert rule.title
    assert rule.explains.endswith(".")


@pytest.mark.parametrize(
    "text", ["[" * 3000, '{"apiVersion": ' + "[" * 900 + "]" * 900 + "}", '{"apiVersion": 7}']
)
def test_whatever_people_keep_where_kubectl_keeps_manifests_breaks_no_rule(text: str) -> None:
    island = findings.clean()
    odd = findings.deployment("odd", namespace="shop")
    odd["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": text}
    island.apply(odd)
    assert judge(findings.seen(island)).findings["removed-apis"] == ()


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({"maxUnavailable": "9" * 5000 + "%"}, True),  # Kubernetes can't read it either, and lets nothing go
        ({"minAvailable": "9" * 5000 + "%"}, True),
        ({"maxUnavailable": "0" * 5000 + "50%"}, False),
        ({"minAvailable": "0%"}, False),
        ({"minAvailable": "100%"}, True),
        ({}, True),
    ],
)
def test_a_budget_says_its_number_however_long(spec: dict[str, str], found: bool) -> None:
    island = findings.clean()
    for document in (findings.pod("till", labels={"app": "till"}), findings.budget("long", **spec)):
        island.apply(document)
    told = judge(findings.seen(island)).findings["unmeetable-budgets"]
    assert [one.object.name for one in told] == ["long"] * found
    assert all(len(one.sentence) < 200 for one in told)
