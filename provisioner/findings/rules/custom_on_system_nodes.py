"""Custom pods on nodes that are the platform's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from provisioner.findings.kubernetes import (
    NODE,
    POD,
    is_landscapes,
    is_platforms_place,
    labels_of,
    owner_of,
)
from provisioner.findings.rules.base import Finding, Look, Rule, Severity
from provisioner.modules.objects import SYSTEM_NODES
from provisioner.runtimes.inside import ObjectRef


def check(look: Look) -> Iterable[Finding]:
    """Yield the owner of such pods once, with one of the nodes."""
    system = {ref.name for ref, live in look.each(NODE) if _is_system(live)}
    found: dict[ObjectRef, str] = {}
    for ref, live in look.each(POD):
        node = str((live.get("spec") or {}).get("nodeName", ""))
        if node in system and not is_platforms_place(ref.namespace) and not is_landscapes(live):
            found.setdefault(owner_of(ref, live), node)
    for owner, node in found.items():
        yield Finding(
            owner,
            Severity.WARNING,
            f"{owner} runs on {node}, a node of the platform.",
            f"Take away its toleration of {SYSTEM_NODES}, its node selector or its nodeName, and let it be scheduled again.",
        )


def _is_system(node: Mapping[str, Any]) -> bool:
    taints = (node.get("spec") or {}).get("taints") or ()
    return SYSTEM_NODES in labels_of(node) or any(taint.get("key") == SYSTEM_NODES for taint in taints)


rule = Rule(
    "Custom workloads on system nodes",
    "The platform's nodes are sized for the platform; whatever else runs there takes from it when it is short.",
    (NODE, POD),
    check,
)
