"""How long a tenant may put upgrades off: from the first moment at which one could have begun up to the next at which it can.

Its exclusions count so, by the windows as they are, and so does what it puts an upgrade off by that waits for a window, when it
moves that window (`putting_off`). Days that both take, or two of them, count once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, Q

from controlplane.tenants.isolation.prepared import rows
from controlplane.tenants.isolation.scopes import platform_scope
from provisioner.rollouts import deferring_queries as queries
from provisioner.rollouts import windows
from provisioner.rollouts.models import Exclusion, MaintenanceWindow
from provisioner.rollouts.schedules import Owner, Schedules, owner_of, owners_of, window_of
from provisioner.rollouts.taken import BOUND, DEFERRAL_WITHIN, Span, merged, most, taken, without
from provisioner.runtimes.models import Runtime

ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended(%(tenant)s, 5200912))"
TO_COME = UUID(int=0)  # runtimes that are not there yet
RULE = (
    f"Exclusions, and windows moved while an upgrade waited for them, may together take {BOUND.days} days out of "
    f"{DEFERRAL_WITHIN.days} from one runtime. Each counts from the first moment at which it keeps an upgrade from beginning "
    "up to the next at which one may begin: an exclusion over the one window of a week counts for the whole week."
)

_Row = Mapping[str, Any]  # tenant_id, plan_id, runtime_id
_Shuts = dict[Owner, list[windows.Exclusion]]


@dataclass(frozen=True)
class Own(windows.Exclusion):
    """An exclusion that the tenant set itself."""

    reason: str = ""


class Rules:
    """A tenant's windows and exclusions, its own ones apart from those that the platform's team set for it or everybody."""

    def __init__(
        self, opened: Mapping[Owner, list[windows.Window]], own: _Shuts, others: _Shuts, since: datetime
    ) -> None:
        self._opened, self._own, self._others, self._since = opened, own, others, since
        both = {owner: [*own.get(owner, ()), *others.get(owner, ())] for owner in {*own, *others}}
        self._all, self._theirs = Schedules(opened, both), Schedules(opened, others)
        self._mine = Schedules(opened, own)
        self._known: dict[tuple[Any, ...], list[Span]] = {}

    @classmethod
    def of(cls, tenant_id: UUID, now: datetime) -> Rules:
        """Read those of the last 90 days and later ones, everybody's among them, which are no tenant's rows.

        Rides on window_of_owner and exclusion_of_owner.
        """
        theirs, since = Q(tenant=tenant_id) | Q(tenant=None), now - DEFERRAL_WITHIN
        opened = defaultdict[Owner, list[windows.Window]](list)
        own, others = (defaultdict[Owner, list[windows.Exclusion]](list) for _ in range(2))
        with platform_scope():
            found = list(MaintenanceWindow.objects.filter(theirs))
            shut = list(Exclusion.objects.filter(theirs, ends_at__gt=since))
        for window in found:
            opened[owner_of(window)].append(window_of(window))
        for row in shut:
            if row.tenant_id is None or row.by_platform:
                others[owner_of(row)].append(windows.Exclusion(row.begins_at, row.ends_at))
            else:
                own[owner_of(row)].append(Own(row.begins_at, row.ends_at, row.reason))
        return cls(dict(opened), dict(own), dict(others), since)

    def but_excluding(self, later: Rules) -> Rules:
        """Return these windows with the exclusions of others."""
        return Rules(self._opened, later._own, later._others, later._since)

    @property
    def excludes(self) -> bool:
        """Whether the tenant excludes anything itself."""
        return bool(self._own)

    def plans(self) -> set[str]:
        """Return the plans of which the tenant's windows or exclusions speak."""
        return {plan for tenant, plan, _ in (*self._opened, *self._own) if tenant is not None and plan}

    def opening(self, row: _Row, after: datetime) -> datetime | None:
        """Return when it may begin; None when that is never."""
        found = self._all.opening(row, after)
        return found.begin if found else None

    def own_opening(self, row: _Row, after: datetime) -> datetime | None:
        """Return when it may begin as far as the tenant's own exclusions go."""
        found = self._mine.opening(row, after)
        return found.begin if found else None

    def taken(self, row: _Row, since: datetime | None = None) -> list[Span]:
        """Return what the tenant's exclusions take from a runtime, of the last 90 days or since a moment in these."""
        own = tuple(self._mine.exclusions_for(row))
        if not own:
            return []
        given = (self._mine.windows_for(row), own, self._theirs.exclusions_for(row))
        first = max(since or self._since, self._since)
        key = (*map(tuple, given), first)
        if key not in self._known:
            self._known[key] = taken(*given, first)
        return self._known[key]

    def reason(self, row: _Row, at: datetime) -> str:
        """Return why the tenant excluded a moment."""
        found = (
            one.reason for owner in owners_of(row) for one in self._own.get(owner, ())
            if isinstance(one, Own) and one.begin <= at < one.end
        )  # fmt: skip
        return next(found, "")


def one_at_a_time(tenant_id: UUID) -> None:
    """Have others who would put this tenant's upgrades off wait until the caller's transaction has ended."""
    with connection.cursor() as cursor:
        cursor.execute(ONE_AT_A_TIME, {"tenant": str(tenant_id)})


def concerned_rows(
    rules: Rules, *, tenant_id: UUID, plan: str | None, runtime_id: UUID | None
) -> list[dict[str, Any]]:
    """Return the tenant's runtimes, or that one, or those of the plan, and one that is to come of each plan there is word of."""
    narrowed = {"plan": plan, "pk": runtime_id}
    theirs = Runtime.objects.filter(
        tenant=tenant_id, deleted_at=None, **{key: value for key, value in narrowed.items() if value}
    )
    found = list(theirs.order_by("name").values("tenant_id", "plan_id", "name", runtime_id=F("id")))
    plans = set() if runtime_id else {plan} if plan else {"", *rules.plans()}
    return found + [
        {"tenant_id": tenant_id, "plan_id": one, "runtime_id": TO_COME, "name": ""} for one in sorted(plans)
    ]


def put_off_of(tenant_id: UUID, now: datetime, runtime_id: UUID | None = None) -> dict[UUID, list[_Row]]:
    """Return what the tenant put upgrades off by moving windows, of each runtime: begin, end, and whether it waits yet.

    Of runtimes that are no more nothing counts. Rides on put_off_of_target.
    """
    found = defaultdict[UUID, list[_Row]](list)
    for row in rows(
        queries.COUNTED, {"tenant": tenant_id, "since": now - DEFERRAL_WITHIN, "runtime": runtime_id}
    ):
        found[row["runtime_id"]].append(row)
    return found


def spans_of(found: Iterable[_Row]) -> list[Span]:
    """Return from when up to when."""
    return [(row["begin"], row["end"]) for row in found]


@dataclass(frozen=True)
class Counted:
    """What counts, of however many runtimes it is the same."""

    begin: datetime
    end: datetime
    excluded: bool  # by exclusions; else by windows that were moved
    waits: bool  # the upgrade is put off yet; else the end is that of the waiting
    reason: str  # of the exclusion
    runtimes: int  # 0: runtimes to come
    name: str  # of the first of them

    @property
    def whose(self) -> str:
        """In words."""
        many = f"{self.runtimes} runtimes" if self.runtimes else "runtimes to come"
        return self.name if self.runtimes == 1 else many

    @property
    def words(self) -> str:
        """What it is, as pages and the API say it."""
        if self.excluded:
            return f"Excluded for {self.whose}" + (f": {self.reason}" if self.reason else "")
        one = self.runtimes == 1
        upgrades = f"the upgrade of {self.name}" if one else f"upgrades of {self.whose}"
        ends = f"counts up to then, or until {'it' if one else 'each'} begins if that is sooner"
        return f"Windows moved while {upgrades} waited; {ends if self.waits else 'waits no more'}"


@dataclass(frozen=True)
class Deferred:
    """What counts, and the most that any 90 days of one runtime hold of it."""

    used: timedelta
    counted: Sequence[Counted]  # the latest first
    whose: str = ""  # of which runtimes so much is taken; empty: of all that are asked about

    @property
    def left(self) -> timedelta:
        """What may yet be put off, whenever."""
        return max(timedelta(), BOUND - self.used)

    @property
    def words(self) -> str:
        """How much is taken, and left."""
        whose = f" from {self.whose} the least left" if self.whose else ""
        return f"Taken{whose}: {_long(self.used)}. Left: {_long(self.left)}."


def what_counts(tenant_id: UUID, now: datetime, *, runtime_id: UUID | None = None) -> Deferred:
    """Return what counts of the tenant, or of one runtime of it; five statements, whatever the number."""
    rules = Rules.of(tenant_id, now)
    put_off = put_off_of(tenant_id, now, runtime_id)
    found = defaultdict[tuple[datetime, datetime, bool, bool, str], list[str]](list)
    known: dict[tuple[Span, ...], timedelta] = {}
    takes: list[tuple[timedelta, str]] = []
    for row in concerned_rows(rules, tenant_id=tenant_id, plan=None, runtime_id=runtime_id):
        shut, moved = rules.taken(row), put_off.get(row["runtime_id"], [])
        spans = tuple(merged([*shut, *spans_of(moved)]))
        if spans not in known:
            known[spans] = most(spans)
        takes.append((known[spans], row["name"]))
        names = [row["name"]] if row["name"] else []
        for begin, end in shut:
            found[begin, end, True, False, rules.reason(row, begin)] += names
        for one in moved:
            for begin, end in without([(one["begin"], one["end"])], shut):
                reason = rules.reason(row, begin) if one["excluded"] else ""
                found[begin, end, one["excluded"], one["waits"] and not one["excluded"], reason] += names
    counted = [Counted(*key, len(set(names)), min(names, default="")) for key, names in found.items()]
    used = max(known.values(), default=timedelta())
    worst = [name for taken_of, name in takes if taken_of == used]
    whose = "" if len(worst) == len(takes) else _whose([name for name in worst if name])
    return Deferred(used, sorted(counted, key=lambda one: (one.end, one.begin), reverse=True), whose)


def _whose(names: Sequence[str]) -> str:
    """Name those who have the least left, as `Deferred.words` goes on."""
    if len(names) > 1:
        return f"{len(names)} runtimes such as {min(names)}, which have"
    return f"{names[0]}, which has" if names else "runtimes to come, which have"


def _long(span: timedelta) -> str:
    """Days and hours, as far as a person asks."""
    days, hours = divmod(int(span.total_seconds() // 3600), 24)
    parts = [
        f"{count} {noun}{'s' if count != 1 else ''}"
        for count, noun in ((days, "day"), (hours, "hour"))
        if count
    ]
    return " ".join(parts) or ("less than an hour" if span else "nothing")
