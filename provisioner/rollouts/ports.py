"""What rollouts ask other rooms; those fill it at start-up. Read them through the module."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from controlplane.tenants.access import SYSTEM
from provisioner.lifecycle.upgrade import upgrade_runtime


@dataclass(frozen=True)
class Revenue:
    """What a tenant's last sealed statement came to."""

    amount: Decimal
    currency: str


class Begin(Protocol):
    """Orders one upgrade inside the caller's transaction; raises Refused where it can't be."""

    def __call__(self, *, runtime_id: UUID, release: str, target_id: UUID, urgent: bool) -> UUID:
        """Return the operation's id."""


def through_the_door(*, runtime_id: UUID, release: str, target_id: UUID, urgent: bool) -> UUID:
    """Order it as everybody does."""
    return upgrade_runtime(
        actor=SYSTEM, runtime_id=runtime_id, release=release, target_id=target_id, urgent=urgent
    ).pk


begin: Begin = through_the_door
# The last sealed statement of these tenants.
revenue: Callable[[Sequence[UUID]], Mapping[UUID, Revenue]] | None = None
# By how many percent the platform's share of upgraded runtimes has grown since before; None: not measured yet.
footprint_change: Callable[[UUID], float | None] | None = None
# What keeps these runtimes from that release, by runtime: code and sentence. Asked once for a whole preview.
blockers: list[Callable[[Sequence[UUID], str], Mapping[UUID, tuple[str, str]]]] = []
