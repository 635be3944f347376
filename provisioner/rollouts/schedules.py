"""Which windows and exclusions hold for a runtime: its own, its tenant's, its plan's, everybody's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from provisioner.rollouts.models import Exclusion, MaintenanceWindow
from provisioner.rollouts.windows import DAYS, Opening, Window, next_opening
from provisioner.rollouts.windows import Exclusion as Shut

Owner = tuple[UUID | None, str | None, UUID | None]  # tenant, plan, runtime


class Schedules:
    """The windows and exclusions of some runtimes, read at once: two queries, whatever their number."""

    def __init__(self, windows: Mapping[Owner, list[Window]], exclusions: Mapping[Owner, list[Shut]]) -> None:
        self._windows, self._exclusions = windows, exclusions
        self._known: dict[tuple[Any, ...], Opening | None] = {}

    @classmethod
    def of(cls, runtimes: Iterable[Mapping[str, Any]], now: datetime) -> Schedules:
        """Read what holds for these (`tenant_id`, `plan_id`, `runtime_id`); rides on window_of_owner and exclusion_of_owner."""
        rows = list(runtimes)
        tenants = {row["tenant_id"] for row in rows}
        theirs = Q(tenant__in=tenants) | Q(tenant=None)
        windows: dict[Owner, list[Window]] = {}
        for row in MaintenanceWindow.objects.filter(theirs):
            windows.setdefault(owner_of(row), []).append(window_of(row))
        exclusions: dict[Owner, list[Shut]] = {}
        for shut in Exclusion.objects.filter(theirs, ends_at__gt=now):
            exclusions.setdefault(owner_of(shut), []).append(Shut(shut.begins_at, shut.ends_at))
        return cls(windows, exclusions)

    def windows_for(self, row: Mapping[str, Any]) -> list[Window]:
        """Return the most specific owner's windows; none: it may be upgraded at any time."""
        return next((self._windows[owner] for owner in owners_of(row) if owner in self._windows), [])

    def exclusions_for(self, row: Mapping[str, Any]) -> list[Shut]:
        """Return everybody's exclusions that concern it."""
        return [shut for owner in owners_of(row) for shut in self._exclusions.get(owner, [])]

    def rules_for(self, row: Mapping[str, Any]) -> tuple[tuple[Window, ...], tuple[Shut, ...]]:
        """Return both, as what tells members that wait alike from others; both empty: nothing is waited for."""
        return tuple(self.windows_for(row)), tuple(self.exclusions_for(row))

    def opening(self, row: Mapping[str, Any], now: datetime) -> Opening | None:
        """Return when it may be upgraded next, or None when that is never."""
        windows, exclusions = self.windows_for(row), self.exclusions_for(row)
        if not windows and not exclusions:
            return Opening(now, None)
        key = (now, tuple(windows), tuple(exclusions))
        if key not in self._known:
            self._known[key] = next_opening(windows, exclusions, now)
        return self._known[key]


def window_of(row: MaintenanceWindow) -> Window:
    """Return a row's window; it was checked when it was written."""
    begin, end = (int(text[:2]) * 60 + int(text[3:]) for text in (row.begin, row.end))
    return Window(tuple(sorted(DAYS.index(day) for day in row.days)), begin, end, row.time_zone)


def owner_of(row: MaintenanceWindow | Exclusion) -> Owner:
    """Whose it is, as the key by which it is found."""
    return (
        None if row.runtime_id else row.tenant_id,
        None if row.runtime_id else row.plan_id,
        row.runtime_id,
    )


def owners_of(row: Mapping[str, Any]) -> tuple[Owner, ...]:
    """From the most specific to the least."""
    tenant, plan = row["tenant_id"], row["plan_id"]
    return (
        (None, None, row["runtime_id"]),
        (tenant, plan, None),
        (tenant, None, None),
        (None, plan, None),
        (None, None, None),
    )
