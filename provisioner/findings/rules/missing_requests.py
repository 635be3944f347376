"""Pods that do not say what they need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from provisioner.findings.kubernetes import POD, is_landscapes, is_platforms_place, owner_of
from provisioner.findings.rules.base import Audience, Finding, Look, Rule, Severity
from provisioner.modules.objects import LANDSCAPES
from provisioner.runtimes.inside import ObjectRef

_OVER = frozenset({"Succeeded", "Failed"})
_WANTED = ("cpu", "memory")


def check(look: Look) -> Iterable[Finding]:
    """Yield the owner of such pods once, with the containers that say nothing."""
    silent: dict[ObjectRef, set[str]] = {}
    for ref, live in look.each(POD):
        done = (live.get("status") or {}).get("phase") in _OVER
        if done or ref.namespace in LANDSCAPES or is_landscapes(live):
            continue
        if names := _silent(live.get("spec") or {}):
            silent.setdefault(owner_of(ref, live), set()).update(names)
    for owner, those in silent.items():
        platforms = is_platforms_place(owner.namespace)
        yield Finding(
            owner,
            Severity.WARNING if platforms else Severity.INFO,
            f"{owner} does not request CPU and memory for {', '.join(sorted(those)[:3])}.",
            "Set resources.requests for cpu and memory: without them its pods are evicted first, and no node is sized for them.",
            Audience.SRE if platforms else Audience.TENANT,
        )


def _silent(spec: Mapping[str, Any]) -> list[str]:
    whole = (spec.get("resources") or {}).get("requests") or {}  # of the pod, since Kubernetes 1.34
    if all(key in whole for key in _WANTED):
        return []
    return [
        str(one.get("name", ""))
        for one in spec.get("containers") or ()
        if not all(key in _requests(one) for key in _WANTED)
    ]


def _requests(container: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a container requests; limits count where nothing else is said, as Kubernetes has it."""
    resources = container.get("resources") or {}
    return {**(resources.get("limits") or {}), **(resources.get("requests") or {})}


rule = Rule(
    "Pods without requests",
    "Without requests nobody can tell how many nodes a runtime needs while each is replaced in its turn.",
    (POD,),
    check,
)
