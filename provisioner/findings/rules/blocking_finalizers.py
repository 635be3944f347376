"""Finalizers that hold what is being deleted, or will hold what the platform deletes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from provisioner.findings.kubernetes import DEFINITION, NAMESPACE, POD, WORKLOADS
from provisioner.findings.rules.base import Finding, Look, Rule, Severity
from provisioner.runtimes.inside import ObjectRef

PATIENCE = timedelta(minutes=15)  # what finalizers of a healthy controller need at most
_KUBERNETES = ("kubernetes", "customresourcecleanup.apiextensions.k8s.io", "foregroundDeletion", "orphan")


def check(look: Look) -> Iterable[Finding]:
    """Yield what has been on its way out for too long, and objects of ours that others hold."""
    for kind in look.objects:
        for ref, live in look.each(kind):
            held = _finalizers(live)
            since = live["metadata"].get("deletionTimestamp")
            if since and held and look.at - datetime.fromisoformat(str(since)) > PATIENCE:
                yield _stuck(ref, held, str(since))
            elif not since and ref in look.ours and (foreign := [one for one in held if not _is_usual(one)]):
                yield _will(ref, foreign)


def _finalizers(live: Mapping[str, Any]) -> list[str]:
    return [
        *(live["metadata"].get("finalizers") or ()),
        *((live.get("spec") or {}).get("finalizers") or ()),
    ]


def _is_usual(finalizer: str) -> bool:
    return finalizer in _KUBERNETES or finalizer.startswith(("nesoi.dev/", "modules.nesoi.dev/"))


def _stuck(ref: ObjectRef, held: list[str], since: str) -> Finding:
    return Finding(
        ref,
        Severity.BLOCKING,
        f"{ref} has been on its way out since {since}, held by {', '.join(held[:3])}.",
        "Mend the controller that owns the finalizer, so that it lets go; where it is gone for good, take the finalizer away.",
    )


def _will(ref: ObjectRef, held: list[str]) -> Finding:
    return Finding(
        ref,
        Severity.BLOCKING,
        f"{ref} of the platform bears a finalizer of somebody else, {', '.join(held[:3])}: an upgrade that replaces it would "
        "wait for that.",
        "Take the finalizer away, and keep the controller that sets it out of the platform's namespaces.",
    )


rule = Rule(
    "Finalizers that block",
    "What is held by a finalizer never goes while its controller is away: nodes are not drained, modules not replaced.",
    (NAMESPACE, POD, *WORKLOADS, DEFINITION),
    check,
    blocks=True,
)
