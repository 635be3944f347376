"""Disruption budgets that let no pod go, so that no node can ever be drained."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from provisioner.findings.kubernetes import BUDGET, POD, is_the_platforms, labels_of, selects
from provisioner.findings.rules.base import Finding, Look, Rule, Severity

_OVER = frozenset({"Succeeded", "Failed"})
_NUMBER = re.compile(r"0*([0-9]{1,18})(%?)")  # beyond that Kubernetes can't count either
_LONGEST = 40  # characters of what a budget says


def check(look: Look) -> Iterable[Finding]:
    """Yield each budget that its pods could not keep even if all of them were well."""
    for ref, live in look.each(BUDGET):
        if is_the_platforms(look, ref, live):
            continue
        spec = live.get("spec") or {}
        expected = _expected(look, ref.namespace, spec, live.get("status") or {})
        allowed = _allowed(spec, expected)
        if expected and allowed <= 0:
            yield Finding(
                ref,
                Severity.BLOCKING,
                f"{ref} lets none of its {expected} pods go ({_said(spec)}): nodes that run one can't be replaced.",
                "Let at least one pod go: maxUnavailable: 1, or a minAvailable below the number of replicas; add a replica "
                "where one must always be there.",
            )


def _expected(look: Look, namespace: str, spec: Mapping[str, Any], status: Mapping[str, Any]) -> int:
    if "expectedPods" in status:
        return int(status["expectedPods"])
    selector = spec.get("selector")
    return sum(
        ref.namespace == namespace
        and selector is not None
        and (live.get("status") or {}).get("phase") not in _OVER
        and selects(selector, labels_of(live))
        for ref, live in look.each(POD)
    )


def _allowed(spec: Mapping[str, Any], expected: int) -> int:
    """Return how many may go while all are well; Kubernetes rounds percentages up, both ways.

    Where it can't read the number it lets nothing go.
    """
    if (most := spec.get("maxUnavailable")) is not None:
        return _number(most, expected, unreadable=0)
    least = spec.get("minAvailable")
    return expected - (1 if least is None else _number(least, expected, unreadable=expected))


def _number(value: Any, expected: int, *, unreadable: int) -> int:
    read = _NUMBER.fullmatch(str(value))
    if read is None:
        return unreadable
    number = int(read[1])
    return math.ceil(number * expected / 100) if read[2] else number


def _said(spec: Mapping[str, Any]) -> str:
    words = [
        f"{key}: {str(spec[key])[:_LONGEST]}"
        for key in ("maxUnavailable", "minAvailable")
        if spec.get(key) is not None
    ]
    return ", ".join(words) or "minAvailable: 1"


rule = Rule(
    "Disruption budgets that can't be met",
    "An upgrade replaces nodes one by one; a pod that may never go keeps its node, and the upgrade waits until it gives up.",
    (BUDGET, POD),
    check,
    blocks=True,
)
