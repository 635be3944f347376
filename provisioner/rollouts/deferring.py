"""How long a tenant may put upgrades off: whatever shuts one runtime, of whichever of its tenant's exclusions, counts.

So does what the tenant puts an upgrade off by that waits for a window, when it moves that window (`putting_off`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Q

from controlplane.kernel.errors import Refused
from controlplane.tenants.isolation.prepared import rows
from provisioner.rollouts import deferring_queries as queries
from provisioner.rollouts.models import Exclusion
from provisioner.rollouts.windows import LONGEST_EXCLUSION

DEFERRAL_WITHIN = timedelta(days=90)  # tenants may take at most LONGEST_EXCLUSION out of so many days
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended(%(tenant)s, 5200912))"

_Span = tuple[datetime, datetime]
_Place = tuple[str | None, UUID | None]  # of a plan and one runtime of it; None: of whichever


@dataclass(frozen=True)
class Deferral:
    """From when up to when; of one runtime, of a plan's, or (neither named) of all the tenant's runtimes."""

    begin: datetime
    end: datetime
    plan: str | None = None  # a runtime's own names its plan, too
    runtime_id: UUID | None = None


def refuse_exhausted(*, tenant_id: UUID, wanted: Deferral, now: datetime) -> None:
    """Refuse an exclusion with which any 90 days of one runtime would be shut for more than 30 (deferral_exhausted 409).

    Others of the tenant wait until the caller's transaction has ended, so that two at once don't pass each other by.
    """
    one_at_a_time(tenant_id)
    if Shut(deferrals_of(tenant_id, now)).longest(wanted) > LONGEST_EXCLUSION:
        detail = (
            "Exclusions of one runtime, its own, its plan's and its tenant's together, and windows moved while an upgrade waited "
            f"for them, may take {LONGEST_EXCLUSION.days} days out of {DEFERRAL_WITHIN.days}; choose fewer days, or remove an "
            "exclusion that has not begun. The page Maintenance says what counts."
        )
        raise Refused("deferral_exhausted", detail, field="ends_at", status=409)


def one_at_a_time(tenant_id: UUID) -> None:
    """Have others who would put this tenant's upgrades off wait until the caller's transaction has ended."""
    with connection.cursor() as cursor:
        cursor.execute(ONE_AT_A_TIME, {"tenant": str(tenant_id)})


class Shut:
    """What shuts a tenant's runtimes, by whom it concerns: asked once for each of thousands, it looks at those one's own only."""

    def __init__(self, there: Iterable[Deferral]) -> None:
        self._by_place = defaultdict[_Place, list[_Span]](list)
        for one in there:
            self._by_place[one.plan, one.runtime_id].append((one.begin, one.end))
        self._known: dict[tuple[_Span, ...], timedelta] = {}

    def longest(self, wanted: Deferral) -> timedelta:
        """Return the most that any 90 days of any runtime would be shut for, if `wanted` came to those that are there."""
        concerned: set[_Place] = {(wanted.plan, wanted.runtime_id)}
        if wanted.runtime_id is None:
            concerned |= {place for place in self._by_place if wanted.plan in {None, place[0]}}
        return max(self._most((wanted.begin, wanted.end), *place) for place in concerned)

    def _most(self, wanted: _Span, plan: str | None, runtime_id: UUID | None) -> timedelta:
        wider: set[_Place] = {(None, None), (plan, None), (plan, runtime_id)}
        spans = (
            wanted,
            *(span for place in wider if place in self._by_place for span in self._by_place[place]),
        )
        if spans not in self._known:
            self._known[spans] = _most(spans)
        return self._known[spans]


def deferrals_of(tenant_id: UUID, now: datetime) -> list[Deferral]:
    """Return the tenant's exclusions of the last 90 days and later ones, and what it put off by moving windows.

    Of runtimes that are no more nothing counts. Rides on exclusion_of_owner and put_off_of_target.
    """
    theirs = Exclusion.objects.filter(tenant=tenant_id, ends_at__gt=now - DEFERRAL_WITHIN)
    shut = theirs.filter(Q(runtime=None) | Q(runtime__deleted_at=None))
    moved = rows(queries.COUNTED, {"tenant": tenant_id, "since": now - DEFERRAL_WITHIN, "runtime": None})
    return [
        Deferral(begin, end, of_runtime or plan, runtime)
        for begin, end, plan, runtime, of_runtime in shut.values_list(
            "begins_at", "ends_at", "plan_id", "runtime_id", "runtime__plan_id"
        )
    ] + [Deferral(row["begin"], row["end"], row["plan"], row["runtime_id"]) for row in moved]


@dataclass(frozen=True)
class Counted:
    """What counts of moved windows, of however many runtimes it is the same."""

    begin: datetime
    end: datetime
    waits: bool  # it is put off yet; else the end is that of the waiting
    runtimes: int
    name: str  # of the first of them


def put_off_of(tenant_id: UUID, now: datetime, *, runtime_id: UUID | None, most: int) -> list[Counted]:
    """Return what counts of the windows that the tenant moved, the latest first."""
    given = {"tenant": tenant_id, "since": now - DEFERRAL_WITHIN, "runtime": runtime_id, "most": most}
    return [Counted(**row) for row in rows(queries.COUNTED_TOGETHER, given)]


def _most(shut: Iterable[_Span]) -> timedelta:
    spans = list(_merged(shut))
    return max(
        sum(
            (max(timedelta(), min(to, at + DEFERRAL_WITHIN) - max(begin, at)) for begin, to in spans),
            start=timedelta(),
        )
        for at, _ in spans
    )


def _merged(spans: Iterable[_Span]) -> Iterator[_Span]:
    """Yield spans that don't overlap: what two exclusions shut together is shut once."""
    held: _Span | None = None
    for begin, end in sorted(spans):
        if held and begin <= held[1]:
            held = (held[0], max(held[1], end))
            continue
        if held:
            yield held
        held = (begin, end)
    if held:
        yield held
