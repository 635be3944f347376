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
