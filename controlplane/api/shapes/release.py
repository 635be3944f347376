"""Releases and channels, and where a runtime stands among them."""

from __future__ import annotations

from typing import Any

from controlplane.api.links import PREFIX
from controlplane.api.shapes.base import (
    COUNT,
    LABELS,
    MAYBE_MOMENT,
    MAYBE_TEXT,
    TEXT,
    URL,
    Shape,
    maybe,
    page_of,
    record,
    several,
    words,
)
from controlplane.api.shapes.operation import OPERATION_SHORT, operation_short
from controlplane.catalog.facts import snapshot
from controlplane.catalog.lives import STATES, state_of
from controlplane.catalog.plans import ReleaseFacts
from controlplane.kernel.clock import rfc3339, utcnow
from provisioner.lifecycle.upgrade_reading import Offer, Standing

MAYBE_DAY = {"type": ["string", "null"], "format": "date"}
RELEASE = Shape(
    "Release",
    record(
        {
            "key": TEXT,
            "url": URL,
            "state": words(STATES, "Runtimes are brought to published releases only."),
            "kubernetes_version": TEXT,
            "machine_image": record({"name": TEXT, "version": TEXT, "architectures": several(TEXT)}),
            "modules": {**LABELS, "description": "Versions by module."},
            "notes": TEXT,
            "known_issues": several(TEXT),
            "requires": {**several(TEXT), "description": "Releases that a runtime must have passed before."},
            "channels": {**several(TEXT), "description": "That point to it."},
            "published_at": MAYBE_MOMENT,
            "end_of_life": {
                **MAYBE_DAY,
                "description": "Its own or its Kubernetes version's: on that day runtimes are upgraded by force.",
            },
            "withdrawn": {**MAYBE_TEXT, "description": "Why nobody is brought to it any more, or null."},
        },
        description="An immutable, named set: Kubernetes version, machine image and module versions.",
    ),
)
RELEASE_LIST = page_of(RELEASE)
CHANNEL = Shape(
    "Channel",
    record({"key": TEXT, "url": URL, "release": TEXT}, description="A moving pointer to a release."),
)
CHANNEL_LIST = page_of(CHANNEL)
CHANNEL_CHANGE = Shape(
    "ChannelChange",
    {
        "type": "object",
        "description": "Where it points from now on.",
        "additionalProperties": False,
        "required": ["release"],
        "properties": {"release": {"type": "string", "maxLength": 31}},
    },
    example={"release": "2026.11.1"},
)
WITHDRAWAL = Shape(
    "ReleaseWithdrawal",
    {
        "type": "object",
        "description": "Why: whoever runs it reads this.",
        "additionalProperties": False,
        "required": ["reason"],
        "properties": {"reason": {"type": "string", "minLength": 1, "maxLength": 290}},
    },
    example={"reason": "nodes with this image lose their network after a day"},
)
PIN = Shape(
    "Pin",
    {
        "type": "object",
        "description": "Nothing is to be said: it is kept on the release that it runs. Left out, or an empty object.",
        "additionalProperties": False,
        "properties": {},
    },
    example={},
)
UPGRADE = Shape(
    "Upgrade",
    {
        "type": "object",
        "description": "To which release; left out: to that of the runtime's channel.",
        "additionalProperties": False,
        "properties": {"release": {"type": "string", "maxLength": 31}},
    },
    example={"release": "2026.11.1"},
)
_SIDE = record({"release": TEXT, "kubernetes": TEXT, "workloads": COUNT, "unwell": LABELS})
REPORT = record(
    {
        "outcome": words(("succeeded", "halted")),
        "reasons": several(TEXT),
        "hops": several(TEXT),
        "changes": several(record({"what": TEXT, "before": TEXT, "after": TEXT})),
        "before": _SIDE,
        "after": _SIDE,
    }
)
OFFER = record(
    {
        "release": TEXT,
        "kubernetes_version": TEXT,
        "notes": TEXT,
        "channels": several(TEXT),
        "hops": {**several(TEXT), "description": "Releases passed on the way, the last is this one."},
        "refused": {**maybe(record({"code": TEXT, "detail": TEXT})), "description": "Why not, or null."},
    }
)
STANDING = Shape(
    "RuntimeReleases",
    record(
        {
            "release": TEXT,
            "kubernetes_version": TEXT,
            "channel": TEXT,
            "pinned": {**MAYBE_TEXT, "description": "The release that it is kept on, or null."},
            "ends_on": {**MAYBE_DAY, "description": "When its release ends, where that is known."},
            "next": {**MAYBE_TEXT, "description": "What `upgrade` would bring it to, or null."},
            "available": several(OFFER),
            "last": maybe(record({"operation": OPERATION_SHORT, "report": maybe(REPORT)})),
        },
        description="Which release a runtime runs, which it may be brought to, and what the last upgrade changed.",
    ),
)


def release_json(release: ReleaseFacts, *, base: str) -> dict[str, Any]:
    """Return a release as read."""
    channels = snapshot().releases
    return {
        "key": release.key,
        "url": f"{base}{PREFIX}/releases/{release.key}",
        "state": state_of(release, utcnow().date()),
        "kubernetes_version": release.kubernetes_patch,
        "machine_image": {name: release.machine_image[name] for name in ("name", "version", "architectures")},
        "modules": {key: version.rpartition("@")[2] for key, version in release.modules.items()},
        "notes": release.notes,
        "known_issues": list(release.known_issues),
        "requires": list(release.requires),
        "channels": sorted(key for key, one in channels.items() if one.key == release.key),
        "published_at": rfc3339(release.published_at),
        "end_of_life": release.end_of_life.isoformat() if release.end_of_life else None,
        "withdrawn": release.withdrawn or None,
    }


def channel_json(key: str, release: str, *, base: str) -> dict[str, Any]:
    """Return a channel as read."""
    return {"key": key, "url": f"{base}{PREFIX}/channels/{key}", "release": release}


def standing_json(standing: Standing, *, base: str) -> dict[str, Any]:
    """Return where a runtime stands among releases."""
    last = standing.last
    return {
        "release": standing.present.key,
        "kubernetes_version": standing.present.kubernetes_patch,
        "channel": standing.channel,
        "pinned": standing.pinned or None,
        "ends_on": standing.ends_on.isoformat() if standing.ends_on else None,
        "next": standing.next.release.key if standing.next else None,
        "available": [_offer(offer) for offer in standing.offers],
        "last": last
        and {
            "operation": operation_short(last, base=base),
            "report": _report(standing) if standing.report else None,
        },
    }


def _offer(offer: Offer) -> dict[str, Any]:
    refusal = offer.refusal
    return {
        "release": offer.release.key,
        "kubernetes_version": offer.release.kubernetes_patch,
        "notes": offer.release.notes,
        "channels": list(offer.channels),
        "hops": list(offer.hops),
        "refused": refusal and {"code": refusal.code, "detail": refusal.detail},
    }


def _report(standing: Standing) -> dict[str, Any]:
    report = standing.report
    sides = {
        side: {
            "release": report[side].get("release", ""),
            "kubernetes": report[side].get("kubernetes", ""),
            "workloads": report[side].get("workloads", 0),
            "unwell": report[side].get("unwell", {}),
        }
        for side in ("before", "after")
    }
    return {**{name: report[name] for name in ("outcome", "reasons", "hops", "changes")}, **sides}
