"""Who may see rollouts, and who may do something with them; and the row that they mean."""

from __future__ import annotations

from uuid import UUID

from django.db import connection

from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor, Permission
from provisioner.rollouts import queries
from provisioner.rollouts.models import Rollout

LONGEST_REASON = 300


def may_read(actor: Actor) -> None:
    """Refuse whoever is not of the platform's team."""
    if not (actor.sees_every_tenant and actor.may(Permission.ROLLOUT_READ)):
        raise Refused("forbidden", "Only the platform's team sees rollouts.", status=403)


def may_manage(actor: Actor) -> None:
    """Refuse whoever may not change rollouts."""
    if not (actor.sees_every_tenant and actor.may(Permission.ROLLOUT_MANAGE)):
        raise Refused("forbidden", "Only the platform's SREs may do this to rollouts.", status=403)


def the_rollout(actor: Actor, rollout_id: UUID) -> Rollout:
    """Return a rollout to read; raises Refused forbidden 403, rollout_not_found 404."""
    may_read(actor)
    found: Rollout | None = Rollout.objects.filter(pk=rollout_id).first()
    if found is None:
        raise Refused("rollout_not_found", f"There is no rollout {rollout_id}.", status=404)
    return found


def held(actor: Actor, rollout_id: UUID) -> Rollout:
    """Return a rollout to change, while nobody else decides or starts anything; in the caller's transaction."""
    may_manage(actor)
    stand_still()
    found: Rollout | None = Rollout.objects.select_for_update().filter(pk=rollout_id).first()
    if found is None:
        raise Refused("rollout_not_found", f"There is no rollout {rollout_id}.", status=404)
    return found


def hold_look() -> None:
    """Wait for the look that is under way, and keep the next one back until the transaction ends.

    The look waits for no row that is locked before this: whoever asks has changed no target yet, and no lane. It may refer to
    targets in rows of its own, which lets the look change them all the same.
    """
    with connection.cursor() as cursor:
        cursor.execute(queries.HOLD_TICK)


def stand_still() -> None:
    """Wait for the look and the starts that are under way, and keep new ones back until the transaction ends."""
    hold_look()
    with connection.cursor() as cursor:
        cursor.execute(queries.HOLD_STARTS)


def reason_of(text: str) -> str:
    """Return the reason; raises Refused reason_missing."""
    reason = " ".join(text.split())
    if not 1 <= len(reason) <= LONGEST_REASON or not reason.isprintable():
        detail = f"Say why, in 1 to {LONGEST_REASON} characters."
        raise Refused("reason_missing", detail, field="reason")
    return reason
