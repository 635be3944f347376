"""When upgrades may begin: weekly windows, and spans in which nothing does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controlplane.api.shapes.base import (
    COUNT,
    ID,
    MAYBE_TEXT,
    MOMENT,
    TEXT,
    URL,
    Shape,
    maybe,
    record,
    several,
    words,
)
from controlplane.api.shapes.rollout_target import LINK, linked
from controlplane.kernel.clock import rfc3339
from provisioner.rollouts.deferring import RULE, Deferred
from provisioner.rollouts.holding import HeldExclusion, HeldWindow, Holding, Origin
from provisioner.rollouts.models import Exclusion, MaintenanceWindow
from provisioner.rollouts.taken import BOUND, DEFERRAL_WITHIN
from provisioner.rollouts.windows import DAYS

_OWNER: Mapping[str, Any] = {
    "tenant": {**MAYBE_TEXT, "description": "Whose; null: a plan's, or everybody's."},
    "plan": {**MAYBE_TEXT, "description": "For runtimes of this plan only."},
    "runtime": {**maybe(LINK), "description": "For this one only."},
    "created_by": TEXT,
    "created_at": MOMENT,
}
_ASKED: Mapping[str, Any] = {
    "tenant": {**TEXT, "description": "The platform's team names one, or none for all tenants."},
    "plan": {"type": "string", "maxLength": 40, "description": "For runtimes of this plan only."},
    "runtime": {**ID, "description": "For this one only."},
}
_WEEK: Mapping[str, Any] = {
    "days": several(words(DAYS)),
    "begin": {**TEXT, "description": "On the wall there, as 22:00."},
    "end": {**TEXT, "description": "Behind `begin`, up to 24:00; one across midnight is two."},
    "time_zone": {**TEXT, "description": "As in the tz database: Europe/Berlin, UTC."},
}
_SPAN: Mapping[str, Any] = {"begins_at": MOMENT, "ends_at": MOMENT, "reason": TEXT}
WINDOW = Shape(
    "MaintenanceWindow",
    record({"id": TEXT, **_OWNER, **_WEEK}, description="Upgrades by rollouts begin only then."),
)
DEFERRAL = Shape(
    "MaintenanceDeferral",
    record(
        {
            "rule": {**TEXT, "description": "What counts, and how much may."},
            "words": {**TEXT, "description": "How much is taken, and left."},
            "within_days": COUNT,
            "most_seconds": {**COUNT, "description": "What may be put off within so many days."},
            "taken_seconds": {**COUNT, "description": "The most that any such days of one runtime hold."},
            "left_seconds": COUNT,
            "counted": several(
                record({"begins_at": MOMENT, "ends_at": MOMENT, "runtimes": COUNT, "what": TEXT})
            ),
        },
        description="What a tenant puts upgrades off by, the latest first, and how much of it is left.",
    ),
)
_HELD: Mapping[str, Any] = {
    "id": TEXT,
    "origin": words([one.value for one in Origin], "Whose it is."),
    "where": {**TEXT, "description": "Whose it is in words, and where it is changed."},
}
HOLDS = Shape(
    "MaintenanceHolds",
    record(
        {
            "windows": several(record({**_HELD, **_WEEK})),
            "exclusions": several(record({**_HELD, **_SPAN})),
        },
        description="What holds for one runtime, its tenant's, plan's and everybody's too. The most specific owner's windows "
        "hold, and everybody's exclusions; no windows: at any time but for the exclusions.",
    ),
)
WINDOW_LIST = Shape(
    "MaintenanceWindowList",
    record(
        {
            "results": several(WINDOW),
            "next": maybe(URL),
            "deferral": {
                **maybe(DEFERRAL),
                "description": "Of the token's tenant, or the one that is asked for.",
            },
            "holds": {**maybe(HOLDS), "description": "For the runtime that is asked for; null: none is."},
        },
        description="One page, newest first.",
    ),
)
WINDOW_CREATE = Shape(
    "MaintenanceWindowCreate",
    {**record({**_ASKED, **_WEEK}, optional=tuple(_ASKED)), "additionalProperties": False},
    {"days": ["sat", "sun"], "begin": "02:00", "end": "06:00", "time_zone": "Europe/Berlin"},
)
EXCLUSION = Shape(
    "MaintenanceExclusion",
    record({"id": TEXT, **_OWNER, **_SPAN}, description="No upgrade by a rollout begins in between."),
)
EXCLUSION_LIST = Shape(
    "MaintenanceExclusionList",
    record({"results": several(EXCLUSION), "next": maybe(URL)}, description="One page, newest first."),
)
EXCLUSION_CREATE = Shape(
    "MaintenanceExclusionCreate",
    {**record({**_ASKED, **_SPAN}, optional=tuple(_ASKED)), "additionalProperties": False},
    {"begins_at": "2026-12-20T00:00:00Z", "ends_at": "2027-01-03T00:00:00Z", "reason": "Christmas business"},
)


def window_json(row: MaintenanceWindow, *, base: str) -> dict[str, Any]:
    """Return a window; reads `tenant` and `runtime`."""
    return {"id": str(row.pk), **_owner(row, base), **_week(row)}


def exclusion_json(row: Exclusion, *, base: str) -> dict[str, Any]:
    """Return an exclusion; reads `tenant` and `runtime`."""
    return {"id": str(row.pk), **_owner(row, base), **_span(row)}


def holds_json(found: Holding | None) -> dict[str, Any] | None:
    """Return what holds for a runtime; None: of no runtime."""
    if found is None:
        return None
    return {
        "windows": [{**_held(one), **_week(one.row)} for one in found.windows],
        "exclusions": [{**_held(one), **_span(one.row), "reason": one.reason} for one in found.exclusions],
    }


def _held(one: HeldWindow | HeldExclusion) -> dict[str, Any]:
    return {"id": str(one.row.pk), "origin": one.origin.value, "where": one.words}


def _week(row: MaintenanceWindow) -> dict[str, Any]:
    return {"days": list(row.days), "begin": row.begin, "end": row.end, "time_zone": row.time_zone}


def _span(row: Exclusion) -> dict[str, Any]:
    return {"begins_at": rfc3339(row.begins_at), "ends_at": rfc3339(row.ends_at), "reason": row.reason}


def deferral_json(found: Deferred | None) -> dict[str, Any] | None:
    """Return what counts, in the words of the page Maintenance; None: of no tenant."""
    if found is None:
        return None
    counted = [
        {
            "begins_at": rfc3339(one.begin),
            "ends_at": rfc3339(one.end),
            "runtimes": one.runtimes,
            "what": one.words,
        }
        for one in found.counted
    ]
    return {
        "rule": RULE,
        "words": found.words,
        "within_days": DEFERRAL_WITHIN.days,
        "most_seconds": int(BOUND.total_seconds()),
        "taken_seconds": int(found.used.total_seconds()),
        "left_seconds": int(found.left.total_seconds()),
        "counted": counted,
    }


def _owner(row: MaintenanceWindow | Exclusion, base: str) -> dict[str, Any]:
    return {
        "tenant": row.tenant.slug if row.tenant else None,
        "plan": row.plan_id,
        "runtime": linked(row.runtime.pk, row.runtime.name, base) if row.runtime else None,
        "created_by": row.created_by,
        "created_at": rfc3339(row.created_at),
    }
