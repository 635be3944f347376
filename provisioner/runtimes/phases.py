"""A runtime's phases, and how operations move it through them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """Where a runtime is in its life; the moves between phases are `PHASES_OF`."""

    PENDING = "pending"
    PROVISIONING = "provisioning"
    READY = "ready"
    UPDATING = "updating"
    UPGRADING = "upgrading"
    SUSPENDING = "suspending"
    SUSPENDED = "suspended"
    RESUMING = "resuming"
    DEPROVISIONING = "deprovisioning"
    DEPROVISIONED = "deprovisioned"
    FAILED = "failed"


class Kind(StrEnum):
    """What an operation does to its runtime."""

    PROVISION = "provision"
    UPDATE = "update"
    UPGRADE = "upgrade"
    SUSPEND = "suspend"
    RESUME = "resume"
    ROTATE = "rotate"
    DEPROVISION = "deprovision"


class Suspension(StrEnum):
    """Why a runtime rests: each reason holds it by itself, and only when the last one is gone is it resumed."""

    WISH = "wish"  # its own tenant's people
    TENANT = "tenant"  # its tenant is suspended
    ACCOUNT = "account"  # its account is
    TRIAL = "trial"  # its trial is over
    PAYMENT = "payment"  # the platform waits for money
    QUOTA = "quota"  # what held it is gone, and it does not fit into its tenant's quota any more


@dataclass(frozen=True)
class PhasesOf:
    """The runtime's phase while an operation runs, and after each end of it."""

    during: Phase
    succeeded: Phase
    failed: Phase


PHASES_OF: dict[Kind, PhasesOf] = {
    Kind.PROVISION: PhasesOf(Phase.PROVISIONING, Phase.READY, Phase.FAILED),
    Kind.UPDATE: PhasesOf(Phase.UPDATING, Phase.READY, Phase.FAILED),
    Kind.UPGRADE: PhasesOf(Phase.UPGRADING, Phase.READY, Phase.FAILED),
    Kind.SUSPEND: PhasesOf(Phase.SUSPENDING, Phase.SUSPENDED, Phase.FAILED),
    Kind.RESUME: PhasesOf(Phase.RESUMING, Phase.READY, Phase.FAILED),
    Kind.ROTATE: PhasesOf(Phase.UPDATING, Phase.READY, Phase.FAILED),
    Kind.DEPROVISION: PhasesOf(Phase.DEPROVISIONING, Phase.DEPROVISIONED, Phase.FAILED),
}

GONE = frozenset({Phase.DEPROVISIONED})
SETTLED = frozenset({Phase.READY, Phase.SUSPENDED, Phase.FAILED, Phase.DEPROVISIONED})
STANDING = frozenset({Phase.READY, Phase.SUSPENDED})  # settled, with a cluster
