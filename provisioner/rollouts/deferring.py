"""How long a tenant may put upgrades off: whatever shuts one runtime, of whichever of its tenant's exclusions, counts.

So does what the tenant puts an upgrade off by that waits for a window, when it moves that window (`putting_off`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from controlplane.kernel.errors import Refused
from provisioner.rollouts.models import Exclusion, PutOff
from provisioner.rollouts.windows import LONGEST_EXCLUSION

DEFERRAL_WITHIN = timedelta(days=90)  # tenants may take at most LONGEST_EXCLUSION out of so many days
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended(%(tenant)s, 5200912))"
ANOTHER = UUID(int=0)  # a runtime without an exclusion of its own


@dataclass(frozen=True)
class Deferral:
    """From when up to when; of one runtime, of a plan's, or (neither named) of all the tenant's runtimes."""

    begin: datetime
    end: datetime
    plan: str | None = None  # a runtime's own names its plan, too
    runtime_id: UUID | None = None

    def shuts(self, plan: str, runtime_id: UUID) -> bool:
        """Whether it concerns a runtime of that plan."""
        return self.runtime_id in {None, runtime_id} and self.plan in {None, plan}


def refuse_exhausted(*, tenant_id: UUID, wanted: Deferral, now: datetime) -> None:
    """Refuse an exclusion with which any 90 days of one runtime would be shut for more than 30 (deferral_exhausted 409).

    Others of the tenant wait until the caller's transaction has ended, so that two at once don't pass each other by.
    """
    one_at_a_time(tenant_id)
    if longest(deferrals_of(tenant_id, now), wanted) > LONGEST_EXCLUSION:
        detail = (
            "Exclusions of one runtime, its own, its plan's and its tenant's together, and windows moved while an upgrade waited "
            f"for them, may take {LONGEST_EXCLUSION.days} days out of {DEFERRAL_WITHIN.days}; remove one that has not begun, or "
            "choose fewer days."
        )
        raise Refused("deferral_exhausted", detail, field="ends_at", status=409)


def one_at_a_time(tenant_id: UUID) -> None:
    """Have others who would put this tenant's upgrades off wait until the caller's transaction has ended."""
    with connection.cursor() as cursor:
        cursor.execute(ONE_AT_A_TIME, {"tenant": str(tenant_id)})


def longest(there: Sequence[Deferral], wanted: Deferral) -> timedelta:
    """Return the most that any 90 days of any runtime would be shut for, if `wanted` came to those that are there."""
    everything = (*there, wanted)
    places = {("", ANOTHER)}
    places |= {(one.plan, one.runtime_id or ANOTHER) for one in everything if one.plan is not None}
    return max(
        _most(one for one in everything if one.shuts(plan, runtime_id))
        for plan, runtime_id in places
        if wanted.shuts(plan, runtime_id)
    )


def deferrals_of(tenant_id: UUID, now: datetime) -> list[Deferral]:
    """Return the tenant's exclusions of the last 90 days and later ones, and what it put off by moving windows.

    Rides on exclusion_of_owner and put_off_of_runtime.
    """
    since = now - DEFERRAL_WITHIN
    shut = Exclusion.objects.filter(tenant=tenant_id, ends_at__gt=since)
    moved = PutOff.objects.filter(runtime__tenant=tenant_id, ends_at__gt=since)
    return [
        Deferral(begin, end, of_runtime or plan, runtime)
        for begin, end, plan, runtime, of_runtime in shut.values_list(
            "begins_at", "ends_at", "plan_id", "runtime_id", "runtime__plan_id"
        )
    ] + [
        Deferral(*row) for row in moved.values_list("begins_at", "ends_at", "runtime__plan_id", "runtime_id")
    ]


def _most(deferrals: Iterable[Deferral]) -> timedelta:
    spans = list(_merged((one.begin, one.end) for one in deferrals))
    return max(
        sum(
            (max(timedelta(), min(to, at + DEFERRAL_WITHIN) - max(begin, at)) for begin, to in spans),
            start=timedelta(),
        )
        for at, _ in spans
    )


def _merged(spans: Iterable[tuple[datetime, datetime]]) -> Iterator[tuple[datetime, datetime]]:
    """Yield spans that don't overlap: what two exclusions shut together is shut once."""
    held: tuple[datetime, datetime] | None = None
    for begin, end in sorted(spans):
        if held and begin <= held[1]:
            held = (held[0], max(held[1], end))
            continue
        if held:
            yield held
        held = (begin, end)
    if held:
        yield held
