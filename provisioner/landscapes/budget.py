"""A landscape's call budget: a token bucket in its row, asked together with its circuit breaker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from controlplane.tenants.isolation import prepared
from provisioner.landscapes import queries
from provisioner.landscapes.models import Breaker


@dataclass(frozen=True)
class Allowed:
    """The call may be made. Its answer is worth reporting only when `suspect`: faults were counted, or it is the probe."""

    suspect: bool


@dataclass(frozen=True)
class OverBudget:
    """The bucket is empty for `seconds`."""

    landscape: str
    seconds: float


@dataclass(frozen=True)
class NotAnswering:
    """The breaker is open for `seconds`, since `since`, because of `reason`."""

    landscape: str
    seconds: float
    since: datetime | None
    reason: str


Verdict = Allowed | OverBudget | NotAnswering


def take(landscape_id: UUID, *, leave: float = 0.0) -> Verdict:
    """Take one call from the landscape's budget, or say why not now; one statement.

    Who can wait leaves others a share of the burst, and takes only what is above it: whatever nobody else wants.
    """
    (row,) = prepared.rows(queries.TAKE, {"id": landscape_id, "leave": leave})
    if row["taken"]:
        return Allowed(suspect=row["faults"] > 0 or row["breaker"] != Breaker.CLOSED)
    if row["breaker"] == Breaker.CLOSED or not row["breaker_seconds"]:
        return OverBudget(row["key"], row["budget_seconds"])
    return NotAnswering(row["key"], row["breaker_seconds"], row["opened_at"], row["reason"])
