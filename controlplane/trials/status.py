"""How it goes with what somebody asked for, in the words of the API."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db import transaction

from controlplane.kernel.clock import utcnow
from controlplane.tenants.isolation.scopes import platform_scope
from controlplane.tenants.models import State
from controlplane.trials.clock import gives_up
from controlplane.trials.models import SignUp, Trial
from controlplane.trials.offer import open_regions, position_of
from controlplane.trials.secrets import digest_of, is_secret
from controlplane.trials.states import SENTENCES, Reason, SignUpState, Stage
from controlplane.trials.terms import day, terms
from provisioner.runtimes.phases import Phase

STATUSES = (
    "pending_verification", "waiting", "provisioning", "active", "expired", "suspended", "removed", "converted",
    "rejected",
)  # fmt: skip
_NOBODY: bytes | memoryview = digest_of("nobody has this secret")


@dataclass(frozen=True)
class Status:
    """One sign-up as its asker sees it; what does not apply is None or empty."""

    id: UUID
    status: str
    region: str
    created_at: datetime
    confirm_until: datetime | None = None
    position: int | None = None  # in the queue, from 1
    runtime_id: UUID | None = None
    runtime_phase: str = ""
    expires_at: datetime | None = None
    removes_at: datetime | None = None
    removed_at: datetime | None = None
    may_extend: bool = False
    reason: str = ""
    detail: str = ""


def read_status(sign_up_id: UUID | None, secret: str) -> Status | None:
    """Return how it goes, or None when there is no such sign-up or the secret is another's: nobody learns which."""
    with platform_scope(), transaction.atomic():
        rows = SignUp.objects.select_related("trial__runtime", "trial__tenant")
        row = rows.filter(pk=sign_up_id).first() if sign_up_id else None
        if not is_secret(secret, row.secret_digest if row else _NOBODY) or row is None:
            return None
        return status_of(row)


def status_of(row: SignUp) -> Status:
    """Return the sign-up's status, which is its trial's once there is one."""
    if row.trial is not None:
        return replace(status_of_trial(row.trial), id=row.id, created_at=row.created_at)
    lapsed = row.state == SignUpState.PENDING and row.expires_at <= utcnow()
    reason = Reason.NOT_CONFIRMED if lapsed else Reason(row.reason) if row.reason else None
    if reason:
        return Status(row.id, "rejected", row.region, row.created_at, reason=reason, detail=SENTENCES[reason])
    detail = "Open the link in the message that we sent."
    return Status(
        row.id,
        "pending_verification",
        row.region,
        row.created_at,
        confirm_until=row.expires_at,
        detail=detail,
    )


def status_of_trial(trial: Trial) -> Status:
    """Return how it goes with a trial."""
    stage = Stage(trial.stage)
    runtime = trial.runtime
    shown = runtime is not None and stage not in {Stage.REMOVED, Stage.REJECTED}
    return Status(
        id=trial.id,
        status="expired" if stage is Stage.REMOVING else stage.value,
        region=trial.region,
        created_at=trial.created_at,
        position=_position(trial) if stage is Stage.WAITING else None,
        runtime_id=runtime.id if shown and runtime else None,
        runtime_phase=runtime.phase if shown and runtime else "",
        expires_at=_end(trial, stage),
        removes_at=trial.removes_at if stage in {Stage.EXPIRED, Stage.SUSPENDED} else None,
        removed_at=trial.ended_at if stage is Stage.REMOVED else None,
        may_extend=stage is Stage.ACTIVE and trial.extended_at is None and not _rests(trial),
        reason=trial.reason,
        detail=_detail(trial, stage),
    )


def _detail(trial: Trial, stage: Stage) -> str:
    if trial.reason:
        return SENTENCES[Reason(trial.reason)]
    if stage is Stage.ACTIVE and _rests(trial):
        return RESTS
    if trial.runtime is not None and trial.runtime.phase == Phase.FAILED:
        if (until := gives_up(trial)) is not None:
            return UNBUILT.format(days=terms().length.days, until=day(until))
        if stage is Stage.ACTIVE:
            return HELD.format(until=day(trial.held_since + terms().unbuilt)) if trial.held_since else FAILED
    return REGION_WAITS if stage is Stage.WAITING and _is_closed(trial.region) else DETAILS[stage]


def _end(trial: Trial, stage: Stage) -> datetime | None:
    """Return when it ends; while its time stands still, as if that went on now."""
    if stage is Stage.CONVERTED or trial.expires_at is None:
        return None
    return trial.expires_at + (utcnow() - trial.held_since) if trial.held_since else trial.expires_at


def _rests(trial: Trial) -> bool:
    return trial.tenant.state != State.ACTIVE


def _is_closed(region: str) -> bool:
    with platform_scope(), transaction.atomic():  # what is offered is no tenant's
        return region not in {name for name, _title in open_regions()}


def _position(trial: Trial) -> int:
    with platform_scope(), transaction.atomic():  # the others who wait are other tenants
        return position_of(trial.id)


FAILED = "Something failed at the runtime. Its page says what, and who can mend it."
HELD = (
    "Something failed before the runtime was whole, and the trial's time stands still until that is mended. The runtime's page "
    "says what failed, and who can mend it; if nobody does, the trial ends on {until}."
)
UNBUILT = (
    "The runtime could not be built. No day of the trial is used: its {days} days begin when the runtime is ready. The runtime's "
    "page says what failed, and who can mend it; if nobody does, the trial ends on {until}."
)
RESTS = "The tenant is suspended, so the runtime rests. Contact support to resume it."
REGION_WAITS = (
    "The region that you chose takes no trials now. "
    "The runtime is built by itself when it does again; we write to you then."
)
DETAILS = {
    Stage.WAITING: "All places are taken. The runtime is built by itself when it is your turn; we write to you then.",
    Stage.PROVISIONING: "The runtime is being built; that takes a few minutes.",
    Stage.ACTIVE: "The runtime is ready.",
    Stage.EXPIRED: "The trial is over. A paid plan keeps the runtime, until it is removed.",
    Stage.SUSPENDED: "The trial is over and the runtime sleeps. A paid plan wakes it up, until it is removed.",
    Stage.REMOVING: "The trial is over and the runtime is being removed.",
    Stage.REMOVED: "The trial is over. Its runtime was removed, and nothing of it is left.",
    Stage.CONVERTED: "A paid plan keeps the runtime.",
    Stage.REJECTED: "There is no trial.",
}
