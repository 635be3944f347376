"""What rollouts ask other rooms; those fill it at start-up. Read them through the module."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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


def through_the_door(starts: Sequence[Start]) -> list[UUID | Refused]:
    """Order upgrades as everybody does, inside the caller's transaction; return each one's operation, or its refusal."""
    answers = upgrade_runtimes(actor=SYSTEM, starts=starts)
    return [answer if isinstance(answer, Refused) else answer.pk for answer in answers]


begin: Callable[[Sequence[Start]], Sequence[UUID | Refused]] = through_the_door
# The last sealed statement of these tenants.
revenue: Callable[[Sequence[UUID]], Mapping[UUID, Revenue]] | None = None
# By how many percent the platform's share of a rollout's upgraded runtimes has grown since before; None: not measured yet.
footprint_change: Callable[[UUID], float | None] | None = None
