"""Hands out the rules. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from controlplane.kernel.plugins import load
from provisioner.findings.rules.base import Rule

_PACKAGE = "provisioner.findings.rules"


@cache
def all_rules() -> Mapping[str, Rule]:
    """Return {key: rule}; keys have hyphens where files have underscores."""
    return {name.replace("_", "-"): rule for name, rule in load(_PACKAGE, "rule").items()}


def blocking_rules() -> Mapping[str, Rule]:
    """Return those whose findings may keep an upgrade from being begun."""
    return {key: rule for key, rule in all_rules().items() if rule.blocks}
