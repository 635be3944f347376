"""Leaves an audit row of what a rollout did by itself, and tells those who listen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

from controlplane.kernel.clock import rfc3339, utcnow
from controlplane.notices.webhook_models import Webhook
from controlplane.notices.webhooks import emit
from controlplane.tenants import audit
from controlplane.tenants.access import SYSTEM, Actor
from provisioner.rollouts.models import Rollout, Target


class Told(Protocol):
    """What is told of a rollout."""

    @property
    def id(self) -> UUID:
        """Its id."""

    @property
    def name(self) -> str:
        """Its name."""


def tell(
    rollout: Told,
    what: str,
    *,
    after: str,
    before: str = "",
    subject: str = "",
    reason: str = "",
    actor: Actor = SYSTEM,
) -> None:
    """Record that a rollout, a stage or a gate (`what`) became something."""
    changes = {"name": rollout.name, "state": {"before": before, "after": after}}
    if subject:
        changes[what] = subject
    if reason:
        changes["reason"] = reason[:500]
    audit.record(
        f"rollout.{what}.{after}" if what != "rollout" else f"rollout.{after}",
        actor=actor,
        tenant_id=None,
        target_type="rollout",
        target_id=rollout.id,
        changes=changes,
    )
    inside = {"name": rollout.name, "before": before, "reason": reason[:500], "by": actor.name}
    _tell_listeners(rollout, what, subject=subject, after=after, inside=inside)


def _tell_listeners(rollout: Told, what: str, *, subject: str, after: str, inside: Mapping[str, str]) -> None:
    """Queue the event for tenants that listen and have a runtime in the rollout; whom nobody asked is told nothing.

    What the platform saw in other tenants' runtimes stays inside: neither reasons nor numbers are told but to its own team.
    """
    kind = "rollout.gate" if what == "gate" else "rollout.changed"
    listening = set(
        Webhook.objects.filter(kinds__contains=[kind], disabled_at=None).values_list("tenant", flat=True)
    )
    if not listening:
        return
    release = Rollout.objects.values_list("release_key", flat=True).get(pk=rollout.id)
    data = {
        "rollout": str(rollout.id),
        "release": release,
        "state": after,
        **({what: subject} if subject else {}),
    }
    at = rfc3339(utcnow())
    event: dict[str, Any] = {
        "kind": kind,
        "subject": str(rollout.id),
        "facts": {"state": after, "release": release},
        "dedupe_key": f"{at}:{rollout.id}:{kind}:{after}:{subject}"[:160],
    }
    if None in listening:
        told = {name: value for name, value in inside.items() if value}
        emit(tenant_id=None, data={**data, **told}, **event)
    if tenants := listening - {None}:
        theirs = Target.objects.filter(rollout=rollout.id, runtime__tenant__in=tenants)
        for tenant in theirs.values_list("runtime__tenant", flat=True).distinct():
            emit(tenant_id=tenant, data=data, **event)
