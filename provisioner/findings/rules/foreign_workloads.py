"""Workloads that are not the platform's in namespaces that are."""

from __future__ import annotations

from collections.abc import Iterable

from provisioner.findings.kubernetes import (
    POD,
    WORKLOADS,
    controller_of,
    is_platforms_place,
    is_the_platforms,
)
from provisioner.findings.rules.base import Finding, Look, Rule, Severity


def check(look: Look) -> Iterable[Finding]:
    """Yield whatever nobody of the platform runs there; pods of a controller stand under its name."""
    for ref, live in look.each(*WORKLOADS, POD):
        theirs = is_platforms_place(ref.namespace) and controller_of(live) is None
        if theirs and not is_the_platforms(look, ref, live):
            yield Finding(
                ref,
                Severity.WARNING,
                f"{ref} runs in a namespace of the platform.",
                "Move it to a namespace of your own: here it takes from the platform's quota, its network is closed, and the "
                "platform does not keep it.",
            )


rule = Rule(
    "Foreign workloads in platform namespaces",
    "Platform and custom code are apart, so that neither can break the other and each is charged to whom it belongs.",
    (*WORKLOADS, POD),
    check,
)
