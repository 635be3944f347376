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
