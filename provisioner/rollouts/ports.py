"""What rollouts ask other rooms; those fill it at start-up. Read them through the module."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM
from provisioner.lifecycle.upgrade import Start, upgrade_runtimes


@dataclass(frozen=True)
class Revenue:
    """What a tenant's last sealed statement came to."""

    amount: Decimal
    currency: str


@dataclass(frozen=True)
class Upgraded:
    """One runtime, and when its upgrade began and ended."""

    runtime_id: UUID
    began: datetime
    ended: datetime


def through_the_door(starts: Sequence[Start]) -> list[UUID | Refused]:
    """Order upgrades as everybody does, inside the caller's transaction; return each one's operation, or its refusal."""
    answers = upgrade_runtimes(actor=SYSTEM, starts=starts)
    return [answer if isinstance(answer, Refused) else answer.pk for answer in answers]


begin: Callable[[Sequence[Start]], Sequence[UUID | Refused]] = through_the_door
# The last sealed statement of these tenants.
revenue: Callable[[Sequence[UUID]], Mapping[UUID, Revenue]] | None = None
# By how many percent the platform's share of these runtimes has grown since before their upgrades; None: not measured yet.
footprint_change: Callable[[Sequence[Upgraded], datetime], float | None] | None = None
