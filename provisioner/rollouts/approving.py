"""What people do to gates: approve one, or open it by force."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor
from controlplane.tenants.models import ApiToken
from provisioner.rollouts.models import Approval, Gate, Rollout
from provisioner.rollouts.permitted import held, reason_of
from provisioner.rollouts.states import DONE_STAGES, UNDER_WAY
from provisioner.rollouts.telling import tell


@transaction.atomic
def approve_gate(*, actor: Actor, rollout_id: UUID, gate_id: int, note: str = "") -> Gate:
    """Say yes to an approval gate that is asked; each person once, also by tokens. It opens with the next look when enough have.

    Raises Refused 403, 404 (gate_not_found), 409 gate_needs_no_approval, gate_open, gate_not_asked_yet, gate_never_asked,
    approved_already, rollout_ended, and approval_needs_person where several are asked and nobody stands behind a token.
    """
    rollout, gate = _gate(actor, rollout_id, gate_id)
    if gate.kind != "approval":
        detail = f"This gate opens by itself ({gate.kind}); open it by force if it must be."
        raise Refused("gate_needs_no_approval", detail, status=409)
    since = _asked_since(gate)
    person = _person_of(actor)
    if person is None and gate.settings.get("approvers", 1) > 1:
        detail = "Several people have to approve this gate, and this token is nobody's; sign in, or use a token of your own."
        raise Refused("approval_needs_person", detail, status=409)
    try:
        with transaction.atomic():
            _yes_of(gate, actor, person).filter(at__lt=since).delete()  # it counts for nothing
            Approval.objects.create(
                gate=gate,
                by=actor.name[:160],
                person=person,
                at=max(utcnow(), since),  # whoever looks may have a clock that is ahead
                note=note[:300],
            )
    except IntegrityError as error:
        detail = "You have approved this gate; somebody else has to, too."
        raise Refused("approved_already", detail, status=409) from error
    tell(
        rollout, "gate", subject=f"{gate.stage.name}: {gate.kind}", after="approved", reason=note, actor=actor
    )
    return gate


@transaction.atomic
def open_gate(*, actor: Actor, rollout_id: UUID, gate_id: int, reason: str) -> Gate:
    """Open a gate whatever it says, also before its turn, for a reason that is kept.

    Raises Refused 403, 404, 409 gate_open, gate_never_asked, rollout_ended.
    """
    why = reason_of(reason)
    rollout, gate = _gate(actor, rollout_id, gate_id)
    gate.open, gate.opened_at, gate.opened_by = True, utcnow(), actor.name[:160]
    gate.reason = f"opened by {actor.name}: {why}"[:300]
    gate.save()
    tell(rollout, "gate", subject=f"{gate.stage.name}: {gate.kind}", after="forced", reason=why, actor=actor)
    return gate


def _person_of(actor: Actor) -> UUID | None:
    """Return who it is, for a token who created it; None: the system, or a token that was handed out by an installation."""
    if actor.token_id is None:
        return actor.user_id
    return ApiToken.objects.filter(pk=actor.token_id).values_list("created_by_user", flat=True).first()


def _yes_of(gate: Gate, actor: Actor, person: UUID | None) -> QuerySet[Approval]:
    """Return what whoever it is has said of the gate, by whatever name."""
    same = Q(by=actor.name[:160]) if person is None else Q(by=actor.name[:160]) | Q(person=person)
    return Approval.objects.filter(same, gate=gate)


def _asked_since(gate: Gate) -> datetime:
    """Return since when the gate is asked: nobody can say yes to what has not happened yet."""
    if gate.since is not None:
        return gate.since
    name = gate.stage.name
    when = f"when stage {name} comes next" if gate.side == "before" else f"when stage {name} is done"
    detail = (
        f"This gate is not asked yet: its turn comes {when}. Approve it then, by what was seen until then; or open it by force, "
        "with a reason."
    )
    raise Refused("gate_not_asked_yet", detail, status=409)


def _gate(actor: Actor, rollout_id: UUID, gate_id: int) -> tuple[Rollout, Gate]:
    rollout = held(actor, rollout_id)
    gate: Gate | None = (
        Gate.objects.select_for_update(of=("self",))
        .select_related("stage")
        .filter(pk=gate_id, stage__rollout=rollout)
        .first()
    )
    if gate is None:
        raise Refused("gate_not_found", f"The rollout has no gate {gate_id}.", status=404)
    if rollout.state not in UNDER_WAY:
        raise Refused(
            "rollout_ended", f"The rollout is {rollout.state}; its gates are not asked.", status=409
        )
    if gate.open:
        raise Refused("gate_open", "The gate is open already.", status=409)
    if gate.stage.state in DONE_STAGES:
        detail = (
            f"This gate is asked no more: stage {gate.stage.name} is {gate.stage.state}. Nothing waits for it; look at the "
            "rollout for gates that wait."
        )
        raise Refused("gate_never_asked", detail, status=409)
    return rollout, gate
