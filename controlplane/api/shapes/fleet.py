"""The fleet's releases: who runs what, who is left behind and why, who answers for it, and the emergency stop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controlplane.api.links import operation_url, rollout_url
from controlplane.api.shapes.base import (
    COUNT,
    ID,
    MAYBE_MOMENT,
    MAYBE_TEXT,
    MOMENT,
    TEXT,
    URL,
    Shape,
    maybe,
    record,
    several,
)
from controlplane.api.shapes.rollout_target import LINK, linked
from controlplane.kernel.clock import rfc3339
from provisioner.rollouts.models import EmergencyStop, Waiver
from provisioner.rollouts.why_not import Chain, Version

WHY = {"type": "string", "maxLength": 300}
FLAG = {"type": "boolean"}
VERSIONS = Shape(
    "FleetVersions",
    record(
        {
            "results": several(
                record(
                    {
                        "release": TEXT,
                        "kubernetes": TEXT,
                        "runtimes": COUNT,
                        "age_days": {"type": ["integer", "null"], "description": "Since it was published."},
                        "end_of_life": {"type": ["string", "null"], "format": "date"},
                        "newest": {**FLAG, "description": "Whether a channel points to it."},
                    }
                )
            )
        },
        description="How many runtimes are on each release, oldest first.",
    ),
)
_WAIVER: Mapping[str, Any] = {
    "id": TEXT,
    "owner": {**TEXT, "description": "Who answers for it."},
    "reason": TEXT,
    "expires_at": MOMENT,
}
LEFT = Shape(
    "LeftBehind",
    record(
        {
            "runtime": LINK,
            "tenant": TEXT,
            "account": TEXT,
            "plan": TEXT,
            "region": TEXT,
            "release": TEXT,
            "channel": {**TEXT, "description": "The one that it follows."},
            "phase": TEXT,
            "pinned": {**MAYBE_TEXT, "description": "The release that it is kept on, or null."},
            "rollout": {**maybe(LINK), "description": "The newest that was for it, or null."},
            "state": {**MAYBE_TEXT, "description": "There."},
            "code": MAYBE_TEXT,
            "reason": MAYBE_TEXT,
            "since": MAYBE_MOMENT,
            "waiver": maybe(record(_WAIVER)),
        },
        description="A runtime on a release that no channel points to, or on an older one than its channel's.",
    ),
)
LEFT_LIST = Shape(
    "LeftBehindList",
    record(
        {"results": several(LEFT), "next": maybe(URL)}, description="One page, the oldest runtimes first."
    ),
)
WAIVER = Shape(
    "Waiver",
    record(
        {**_WAIVER, "runtime": LINK, "tenant": TEXT, "created_by": TEXT, "created_at": MOMENT},
        description="Somebody answers by name for a runtime that stays behind, until a day.",
    ),
)
WAIVER_LIST = Shape(
    "WaiverList",
    record({"results": several(WAIVER), "next": maybe(URL)}, description="One page, newest first."),
)
WAIVER_CREATE = Shape(
    "WaiverCreate",
    {
        **record({"runtime": ID, "owner": TEXT, "reason": TEXT, "expires_at": MOMENT}),
        "additionalProperties": False,
    },
    {
        "runtime": "019a5b3e-7c11-7f0a-9d7e-2f6b1f0e9a41",
        "owner": "ada@example.org",
        "reason": "their own release freeze",
        "expires_at": "2027-01-31T00:00:00Z",
    },
)
STOP = Shape(
    "EmergencyStop",
    record(
        {"engaged": FLAG, "reason": MAYBE_TEXT, "by": MAYBE_TEXT, "since": MAYBE_MOMENT},
        description="While it is engaged no rollout starts or goes on.",
    ),
)
STOP_ASKED = Shape(
    "EmergencyStopRequest",
    {"type": "object", "additionalProperties": False, "required": ["reason"], "properties": {"reason": WHY}},
    {"reason": "runtimes lose their network after the upgrade"},
)
CHAIN = record(
    {
        "rollout": {**maybe(LINK), "description": "For the platform's team; null for others."},
        "release": TEXT,
        "state": TEXT,
        "since": MOMENT,
        "links": {
            **several(record({"level": TEXT, "code": TEXT, "reason": TEXT, "until": MAYBE_MOMENT})),
            "description": "Reasons from the rollout down to the runtime; none: it is done.",
        },
        "operation": maybe(record({"id": ID, "url": URL})),
    }
)
CHAINS = Shape(
    "WhyNot",
    record(
        {"results": several(CHAIN)}, description="What the newest rollouts say of a runtime, newest first."
    ),
)


def version_json(version: Version) -> dict[str, Any]:
    """Return how many runtimes are on a release."""
    ends = version.end_of_life
    return {**vars(version), "end_of_life": ends.isoformat() if ends else None}


def left_json(row: Mapping[str, Any], *, base: str) -> dict[str, Any]:
    """Return a runtime that is left behind."""
    plain = ("tenant", "account", "plan", "region", "release", "channel", "phase", "state", "code", "reason")
    return {
        "runtime": linked(row["id"], row["name"], base),
        **{name: row[name] for name in plain},
        "pinned": row["pinned"] or None,
        "rollout": row["rollout_id"] and _rollout(row["rollout_id"], row["rollout"], base),
        "since": rfc3339(row["since"]),
        "waiver": row["waiver_id"]
        and {
            "id": str(row["waiver_id"]),
            "owner": row["waiver_owner"],
            "reason": row["waiver_reason"],
            "expires_at": rfc3339(row["waiver_expires_at"]),
        },
    }


def waiver_json(waiver: Waiver, *, base: str) -> dict[str, Any]:
    """Return a waiver; reads `runtime` with its `tenant`."""
    return {
        "id": str(waiver.pk),
        "runtime": linked(waiver.runtime_id, waiver.runtime.name, base),
        "tenant": waiver.runtime.tenant.slug,
        "owner": waiver.owner,
        "reason": waiver.reason,
        "expires_at": rfc3339(waiver.expires_at),
        "created_by": waiver.created_by,
        "created_at": rfc3339(waiver.created_at),
    }


def stop_json(stop: EmergencyStop | None) -> dict[str, Any]:
    """Return how the emergency stop stands."""
    if stop is None or stop.released_at is not None:
        return {"engaged": False, "reason": None, "by": None, "since": None}
    return {
        "engaged": True,
        "reason": stop.reason,
        "by": stop.engaged_by,
        "since": rfc3339(stop.engaged_at),
    }


def chain_json(chain: Chain, *, inside: bool, base: str) -> dict[str, Any]:
    """Return what a rollout says of a runtime; `inside` names the rollout."""
    return {
        "rollout": _rollout(chain.rollout_id, chain.rollout, base) if inside else None,
        "release": chain.release,
        "state": chain.state,
        "since": rfc3339(chain.since),
        "links": [{**vars(link), "until": rfc3339(link.until)} for link in chain.links],
        "operation": chain.operation_id
        and {"id": str(chain.operation_id), "url": operation_url(base, chain.operation_id)},
    }


def _rollout(rollout_id: Any, name: str, base: str) -> dict[str, str]:
    return {"id": str(rollout_id), "name": name, "url": rollout_url(base, rollout_id)}
