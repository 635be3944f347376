"""Gardener's error codes: which pass by themselves, who can act on the others, and what they should do.

The codes and which of them Gardener retries are from its docs/usage/shoot/shoot_status.md. Who can act is our own answer:
the infrastructure account belongs to the platform, so its quota and rights are for the SRE even where Gardener says "user".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.kernel.errors import Audience
from controlplane.kernel.redaction import redact
from provisioner.drivers.base import Fault

_LONGEST = 400


@dataclass(frozen=True)
class Meaning:
    """What a code asks of whom."""

    passing: bool
    audience: Audience
    remedy: str


_SRE, _TENANT = Audience.SRE, Audience.TENANT


def _passes(audience: Audience, remedy: str) -> Meaning:
    return Meaning(passing=True, audience=audience, remedy=remedy)


def _lasts(audience: Audience, remedy: str) -> Meaning:
    return Meaning(passing=False, audience=audience, remedy=remedy)


MEANINGS: dict[str, Meaning] = {
    "ERR_INFRA_UNAUTHENTICATED": _lasts(
        _SRE, "Renew the credentials that the credentials binding refers to, then retry."
    ),
    "ERR_INFRA_UNAUTHORIZED": _lasts(
        _SRE, "Give the infrastructure account the rights that it lacks, then retry."
    ),
    "ERR_INFRA_QUOTA_EXCEEDED": _lasts(
        _SRE, "Raise the infrastructure account's quota, or place runtimes elsewhere; then retry."
    ),
    "ERR_INFRA_RATE_LIMITS_EXCEEDED": _passes(_SRE, "The provider asks to slow down; Gardener tries again."),
    "ERR_INFRA_DEPENDENCIES": _lasts(
        _SRE, "Something in the infrastructure account stands in the way; remove it, then retry."
    ),
    "ERR_RETRYABLE_INFRA_DEPENDENCIES": _passes(
        _SRE, "The infrastructure is still busy; Gardener tries again."
    ),
    "ERR_INFRA_RESOURCES_DEPLETED": _passes(
        _TENANT, "The region is short of this machine type; wait, or choose another machine type or region."
    ),
    "ERR_CLEANUP_CLUSTER_RESOURCES": _lasts(
        _TENANT, "Resources in the cluster can't be deleted; remove their finalizers or webhooks, then retry."
    ),
    "ERR_CONFIGURATION_PROBLEM": _lasts(_TENANT, "Correct the runtime's parameters, then retry."),
    "ERR_RETRYABLE_CONFIGURATION_PROBLEM": _passes(
        _TENANT, "The cluster's configuration hinders it, which may pass; check its workloads and parameters."
    ),
    "ERR_PROBLEMATIC_WEBHOOK": _lasts(
        _TENANT, "A webhook in the cluster blocks the platform; exclude kube-system from it, then retry."
    ),
}
UNKNOWN = _lasts(_SRE, "Gardener gave up without a known cause; look at the Shoot, then retry.")
GAVE_UP = "LANDSCAPE_GAVE_UP"


def faults_of(status: Mapping[str, Any], *, gave_up: bool) -> Iterator[Fault]:
    """Yield what stands in `status.lastErrors`; while Gardener still tries, everything is passing."""
    errors = status.get("lastErrors") or ()
    for error in errors:
        for code in error.get("codes") or (GAVE_UP,):
            yield _fault(code, error.get("description") or "", gave_up=gave_up)
    if not errors and gave_up:
        yield _fault(GAVE_UP, (status.get("lastOperation") or {}).get("description") or "", gave_up=True)


def _fault(code: str, description: str, *, gave_up: bool) -> Fault:
    meaning = MEANINGS.get(code, UNKNOWN)
    said = redact(" ".join(description.split())[:_LONGEST])
    message = f"{meaning.remedy} Gardener says: {said}" if said else meaning.remedy
    return Fault(
        code=code, message=message, passing=meaning.passing or not gave_up, audience=meaning.audience
    )
