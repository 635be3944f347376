"""Where sign-ups and trials stand, and their legal moves. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Stage(StrEnum):
    """waiting → provisioning → active → expired → suspended → removing → removed, with converted and rejected as other ends."""

    WAITING = "waiting"  # confirmed; no place was free, or it could not begin yet
    PROVISIONING = "provisioning"  # its runtime is being built
    ACTIVE = "active"
    EXPIRED = "expired"  # its runtime is being suspended
    SUSPENDED = "suspended"  # the grace runs
    REMOVING = "removing"
    REMOVED = "removed"  # the tombstone
    CONVERTED = "converted"  # a paid plan keeps the runtime
    REJECTED = "rejected"  # it never began


S = Stage
MOVES: Mapping[Stage, frozenset[Stage]] = {
    S.WAITING: frozenset({S.PROVISIONING, S.REJECTED}),
    S.PROVISIONING: frozenset({S.ACTIVE, S.CONVERTED, S.EXPIRED, S.REMOVING, S.REMOVED}),
    S.ACTIVE: frozenset({S.EXPIRED, S.CONVERTED, S.REMOVING, S.REMOVED}),
    S.EXPIRED: frozenset({S.SUSPENDED, S.CONVERTED, S.REMOVING, S.REMOVED}),
    S.SUSPENDED: frozenset({S.EXPIRED, S.CONVERTED, S.REMOVING, S.REMOVED}),
    S.REMOVING: frozenset({S.REMOVED}),
    S.REMOVED: frozenset(),
    S.CONVERTED: frozenset(),
    S.REJECTED: frozenset(),
}
LIVE = frozenset({S.WAITING, S.PROVISIONING, S.ACTIVE, S.EXPIRED, S.SUSPENDED, S.REMOVING})
HOLDS_A_PLACE = LIVE - {S.WAITING}


class SignUpState(StrEnum):
    """pending → confirmed or rejected; what nobody confirms in time is rejected."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


class Reason(StrEnum):
    """Why there is no trial: stable codes that programs branch on."""

    NOT_ELIGIBLE = "not_eligible"  # a rule of the platform's team
    NOT_CONFIRMED = "not_confirmed"
    HAS_TRIAL = "trial_exists"
    ORGANISATION_HAS_TRIAL = "organisation_has_trial"
    TRIALS_CLOSED = "trials_closed"  # between the sign-up and its confirmation
    REGION_CLOSED = "region_closed"  # alike
    WITHDRAWN = "withdrawn"  # rejected from the waiting list
    TENANT_CLOSED = "tenant_closed"  # its people closed its tenant while it waited
    NOT_BUILT = "not_built"  # its runtime never was ready


SENTENCES: Mapping[Reason, str] = {
    Reason.NOT_ELIGIBLE: "We can't offer a trial here. Write to us if you think we are wrong.",
    Reason.NOT_CONFIRMED: "The address was not confirmed in time. Sign up again, and open the link in the message.",
    Reason.HAS_TRIAL: "This person has a trial already. Sign in to see it; a paid plan has no such limit.",
    Reason.ORGANISATION_HAS_TRIAL: "Somebody of this organisation has a trial already; ask them to invite you.",
    Reason.TRIALS_CLOSED: "Trials were closed before this address was confirmed. Sign up again another day, or write to us.",
    Reason.REGION_CLOSED: "This region takes no trials any more. Sign up again, and choose another one.",
    Reason.WITHDRAWN: "The trial was taken off the waiting list. Write to us if you think that is wrong.",
    Reason.TENANT_CLOSED: "The trial ended with its tenant, before its runtime was built. Sign up again for another one.",
    Reason.NOT_BUILT: "The runtime could not be built, and no day of the trial was used. Sign up again, or write to us.",
}
