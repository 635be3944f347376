"""Leaves an audit row of what a rollout did by itself, and tells those who listen."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from controlplane.tenants import audit
from controlplane.tenants.access import SYSTEM, Actor


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
