"""How a phase or state looks: a word, an icon and a tone, so that colour never says it alone."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.operations.moves import State
from provisioner.runtimes.phases import Kind, Phase


@dataclass(frozen=True)
class Badge:
    """`tone` is one of ok, busy, wait, bad, idle; `icon` a heroicon."""

    text: str
    icon: str
    tone: str


PHASES: dict[str, Badge] = {
    Phase.PENDING: Badge("Pending", "clock", "wait"),
    Phase.PROVISIONING: Badge("Provisioning", "arrow-path", "busy"),
    Phase.READY: Badge("Ready", "check-circle", "ok"),
    Phase.UPDATING: Badge("Updating", "arrow-path", "busy"),
    Phase.UPGRADING: Badge("Upgrading", "arrow-path", "busy"),
    Phase.SUSPENDING: Badge("Suspending", "arrow-path", "busy"),
    Phase.SUSPENDED: Badge("Suspended", "moon", "idle"),
    Phase.RESUMING: Badge("Resuming", "arrow-path", "busy"),
    Phase.DEPROVISIONING: Badge("Removing", "arrow-path", "busy"),
    Phase.DEPROVISIONED: Badge("Removed", "archive-box", "idle"),
    Phase.FAILED: Badge("Failed", "exclamation-triangle", "bad"),
}

STATES: dict[str, Badge] = {
    State.QUEUED: Badge("Queued", "clock", "wait"),
    State.RUNNING: Badge("Running", "arrow-path", "busy"),
    State.WAITING: Badge("Waiting", "arrow-path", "busy"),
    State.PAUSED: Badge("Paused", "pause-circle", "wait"),
    State.SUCCEEDED: Badge("Succeeded", "check-circle", "ok"),
    State.FAILED: Badge("Failed", "exclamation-triangle", "bad"),
    State.CANCELLED: Badge("Cancelled", "no-symbol", "idle"),
}

KINDS: dict[str, str] = {
    Kind.PROVISION: "Provision",
    Kind.UPDATE: "Update",
    Kind.UPGRADE: "Upgrade",
    Kind.SUSPEND: "Suspend",
    Kind.RESUME: "Resume",
    Kind.ROTATE: "Rotate credentials",
    Kind.DEPROVISION: "Remove",
}

# The order of the summary: what needs a look first, then what is moving, then what rests.
SUMMARY_ORDER = (
    Phase.FAILED,
    Phase.PENDING,
    Phase.PROVISIONING,
    Phase.UPDATING,
    Phase.UPGRADING,
    Phase.SUSPENDING,
    Phase.RESUMING,
    Phase.DEPROVISIONING,
    Phase.READY,
    Phase.SUSPENDED,
)
