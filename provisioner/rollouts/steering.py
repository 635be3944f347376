"""What people do to targets: try again, skip, put in front; by id, by the signature of their error, or all that fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor
from provisioner.rollouts.creating import refuse_stopped
from provisioner.rollouts.left_behind import reason_before
from provisioner.rollouts.models import Rollout, Target
from provisioner.rollouts.permitted import held, reason_of
from provisioner.rollouts.signatures import of_signature
from provisioner.rollouts.states import RolloutState, StageState, TargetState

T = TargetState
AGAIN = (T.FAILED, T.LEFT, T.SKIPPED, T.BLOCKED)
SKIPPABLE = (T.PLANNED, T.WAITING, T.BLOCKED, T.READY, T.FAILED)
MOST_IDS = 1000
PRIORITY = 1


@dataclass(frozen=True)
class Choice:
    """Which targets are meant: these ids, or all failures of a signature, or of a state and reason; all at once narrow."""

    target_ids: Sequence[UUID] = ()
    signature: str = ""
    state: str = ""
    reason_code: str = ""


@transaction.atomic
def retry_targets(*, actor: Actor, rollout_id: UUID, choice: Choice, reason: str = "") -> int:
    """Try these again with the same release and plan, and return how many; what failed, is left, skipped or blocked can be.

    Their stage's deadline counts anew for them, and what was said of them is kept for whoever is left behind after all.
    A completed rollout runs again for them, unless everything is stopped; one that was closed is so no more. Raises Refused 403,
    404, rollout_ended 409, emergency_stop 409, nothing_chosen 409, choice_invalid.
    """
    rollout = held(actor, rollout_id)
    if rollout.state in {RolloutState.ABORTED, RolloutState.ABORTING, RolloutState.DRAFT}:
        detail = f"The rollout is {rollout.state}; nothing of it can be tried again. Start another one."
        raise Refused("rollout_ended", detail, status=409)
    if rollout.state == RolloutState.COMPLETED:
        refuse_stopped()
    now = utcnow()
    chosen = _chosen(rollout, choice).filter(
        state__in=AGAIN, stage__state__in=[StageState.RUNNING, StageState.LEAVING, StageState.PASSED]
    )
    count = _update(chosen).update(
        state=T.WAITING, since=now, due_at=now, finished_at=None, operation=None, error_code="", signature="",
        error_audience="", blamed=False, reason_code="again", reason=f"tried again by {actor.name}"[:500],
        reason_until=None, noted_by="", started_at=None, reason_before=reason_before(), longer_seconds=None,
    )  # fmt: skip
    _refuse_none(
        count,
        "tried again: only what failed, was skipped, is blocked or left behind in a stage that has begun",
    )
    if rollout.state == RolloutState.COMPLETED:
        rollout.state, rollout.finished_at = RolloutState.RUNNING, None
        rollout.looked_at = rollout.still_since = None  # nobody looked, or stood still, since it ended
    if rollout.closed_at is not None:
        rollout.closed_at, rollout.hold = None, "" if rollout.state == RolloutState.RUNNING else rollout.hold
    rollout.save(update_fields=["state", "finished_at", "closed_at", "hold", "looked_at", "still_since"])
    _told("rollout.retry", actor, rollout, choice, reason, count)
    return count


@transaction.atomic
def skip_targets(*, actor: Actor, rollout_id: UUID, choice: Choice, reason: str) -> int:
    """Leave these out, with a reason that is kept, and return how many; what runs can't be skipped.

    Raises Refused 403, 404, reason_missing, nothing_chosen 409, choice_invalid.
    """
    rollout, why = held(actor, rollout_id), reason_of(reason)
    now = utcnow()
    count = _update(_chosen(rollout, choice).filter(state__in=SKIPPABLE)).update(
        state=T.SKIPPED, since=now, due_at=None, finished_at=now, blamed=False, reason_code="skipped", reason=why,
        reason_until=None, noted_by=actor.name[:160],
    )  # fmt: skip
    _refuse_none(count, "skipped: only what has not begun, or failed")
    _told("rollout.skip", actor, rollout, choice, why, count)
    return count


@transaction.atomic
def prioritise_targets(*, actor: Actor, rollout_id: UUID, choice: Choice, reason: str = "") -> int:
    """Put these in front of their stage, and return how many. Raises Refused 403, 404, nothing_chosen 409, choice_invalid."""
    rollout = held(actor, rollout_id)
    unbegun = (T.PLANNED, T.WAITING, T.BLOCKED, T.READY)
    count = _update(_chosen(rollout, choice).filter(state__in=unbegun)).update(
        priority=Greatest(F("priority"), PRIORITY)
    )
    _refuse_none(count, "put in front: only what has not begun")
    _told("rollout.prioritise", actor, rollout, choice, reason, count)
    return count


def _chosen(rollout: Rollout, choice: Choice) -> QuerySet[Target]:
    if not (choice.target_ids or choice.signature or choice.state or choice.reason_code):
        detail = "Say which targets: their ids, the signature of an error, a state or a reason."
        raise Refused("choice_invalid", detail, field="choice")
    if len(choice.target_ids) > MOST_IDS:
        detail = f"Name at most {MOST_IDS} targets at once, or choose by signature, state or reason."
        raise Refused("choice_invalid", detail, field="target_ids")
    found = Target.objects.filter(rollout=rollout)
    if choice.target_ids:
        found = found.filter(pk__in=list(choice.target_ids))
    if choice.signature:
        found = found.filter(of_signature(choice.signature))
    if choice.state:
        found = found.filter(state=choice.state)
    if choice.reason_code:
        found = found.filter(reason_code=choice.reason_code)
    return found


def _update(chosen: QuerySet[Target]) -> QuerySet[Target]:
    """Return the same rows without a join, which an UPDATE can't have."""
    return Target.objects.filter(pk__in=chosen.values("pk"))


def _refuse_none(count: int, words: str) -> None:
    if not count:
        raise Refused("nothing_chosen", f"None of the targets chosen can be {words}.", status=409)


def _told(action: str, actor: Actor, rollout: Rollout, choice: Choice, reason: str, count: int) -> None:
    named = {name: value for name, value in vars(choice).items() if value and name != "target_ids"}
    ids = [str(one) for one in choice.target_ids[:50]]
    changes = {"name": rollout.name, "count": count, **named, **({"targets": ids} if ids else {})}
    audit.record(
        action,
        actor=actor,
        tenant_id=None,
        target_type="rollout",
        target_id=rollout.id,
        changes={**changes, **({"reason": reason[:300]} if reason else {})},
    )
