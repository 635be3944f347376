"""Reads a Shoot: where it stands relative to the newest wish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controlplane.kernel.redaction import redact
from provisioner.drivers.base import Condition, Observed, Situation
from provisioner.drivers.shoots.drift import shape_of
from provisioner.drivers.shoots.faults import faults_of
from provisioner.drivers.shoots.ownership import OURS

Json = Mapping[str, Any]
OPERATION = "gardener.cloud/operation"
TOLD = "nesoi.dev/told"
_PASSING_TAGS = frozenset({"fence", "told"})  # say something about our work, nothing about the cluster
_LONGEST = 300


def absent(name: str) -> Observed:
    """Return the sight of a cluster that is not there."""
    return Observed(name=name, situation=Situation.ABSENT)


def observed_of(shoot: Json) -> Observed:
    """Return what a Shoot's metadata, spec and status say."""
    metadata, spec, status = shoot["metadata"], shoot.get("spec") or {}, shoot.get("status") or {}
    last: Json = status.get("lastOperation") or {}
    owner = owner_of(metadata)
    conditions = tuple(_condition(condition) for condition in status.get("conditions") or ())
    situation = _situation(shoot, conditions)
    return Observed(
        name=metadata["name"],
        situation=situation,
        generation=_number(owner.get("generation")),
        progress=_progress(shoot, last),
        activity=_activity(shoot, last) if situation in {Situation.CHANGING, Situation.FAILED} else "",
        kubernetes_version=(spec.get("kubernetes") or {}).get("version") or "",
        api_endpoint=_endpoint(status),
        hibernated=bool(status.get("hibernated")),
        conditions=conditions,
        faults=tuple(faults_of(status, gave_up=situation is Situation.FAILED)),
        owner=owner,
        version=metadata.get("resourceVersion") or "",
        shape=shape_of(spec),
        told=spec,
    )


def owner_of(metadata: Json) -> dict[str, str]:
    """Return our own tags without their prefix: runtime, tenant, operation, generation; a label that is empty says nothing."""
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if value}
    tags = {**(metadata.get("annotations") or {}), **labels}
    ours = {key.removeprefix(OURS): str(value) for key, value in tags.items() if key.startswith(OURS)}
    return {key: value for key, value in sorted(ours.items()) if key not in _PASSING_TAGS}


def changed_at(shoot: Json) -> str:
    """Return when somebody last changed the Shoot, as its own notes tell, or an empty string."""
    metadata, last = shoot["metadata"], (shoot.get("status") or {}).get("lastOperation") or {}
    moments = [entry.get("time") for entry in metadata.get("managedFields") or ()]
    moments += [
        metadata.get("creationTimestamp"),
        metadata.get("deletionTimestamp"),
        last.get("lastUpdateTime"),
    ]
    return max((moment for moment in moments if isinstance(moment, str)), default="")


def gave_up(shoot: Json) -> bool:
    """Say whether Gardener stopped trying, for this very wish, and nobody has asked it to go on."""
    metadata, last = shoot["metadata"], (shoot.get("status") or {}).get("lastOperation") or {}
    if _asked(metadata) or not _seen(shoot):
        return False
    deletes = bool(last.get("type") == "Delete")
    return bool(last.get("state") == "Failed") and deletes == ("deletionTimestamp" in metadata)


def failure_of(shoot: Json) -> str:
    """Return what tells this failure from the next: the generation that failed, and when."""
    last = (shoot.get("status") or {}).get("lastOperation") or {}
    return f"{shoot['metadata'].get('generation')} {last.get('lastUpdateTime') or ''}".strip()


def _situation(shoot: Json, conditions: tuple[Condition, ...]) -> Situation:
    """Apply Gardener's done-predicate: generation seen, nothing asked for, last operation succeeded, conditions True."""
    if gave_up(shoot):
        return Situation.FAILED
    metadata, status = shoot["metadata"], shoot.get("status") or {}
    wanted = bool(((shoot.get("spec") or {}).get("hibernation") or {}).get("enabled"))
    done = (
        "deletionTimestamp" not in metadata
        and not _asked(metadata)
        and _seen(shoot)
        and (status.get("lastOperation") or {}).get("state") == "Succeeded"
        and bool(status.get("hibernated")) == wanted
    )
    if not done:
        return Situation.CHANGING
    healthy = bool(conditions) and all(condition.status == "True" for condition in conditions)
    return Situation.READY if healthy else Situation.UNHEALTHY


def _seen(shoot: Json) -> bool:
    return bool((shoot.get("status") or {}).get("observedGeneration") == shoot["metadata"].get("generation"))


def _asked(metadata: Json) -> bool:
    return OPERATION in (metadata.get("annotations") or {})


def _progress(shoot: Json, last: Json) -> int:
    """Percent; nothing yet while Gardener has not taken up the newest wish."""
    return max(0, min(100, _number(last.get("progress")))) if _seen(shoot) else 0


def _activity(shoot: Json, last: Json) -> str:
    if not last or not _seen(shoot):
        return "Waiting for Gardener to take it up"
    said = " ".join(str(last.get("description") or last.get("state") or "").split())
    return redact(f"{last.get('type')}: {said}"[:_LONGEST])


def _condition(raw: Json) -> Condition:
    return Condition(
        type=raw.get("type") or "",
        status=raw.get("status") or "Unknown",
        message="" if raw.get("status") == "True" or _says_nothing(raw) else redact(_message(raw)),
        since=raw.get("lastTransitionTime") or "",
    )


def _message(raw: Json) -> str:
    return str(raw.get("message") or "")[:_LONGEST]


def _says_nothing(raw: Json) -> bool:
    """Whether a condition's message only repeats its type and status: "APIServerAvailable is Progressing."."""
    known = {str(raw.get("type")).lower(), str(raw.get("status")).lower()}
    return set(_message(raw).lower().rstrip(".").split()) <= known | {"is", "the", "condition"}


def _endpoint(status: Json) -> str:
    """Prefer the address made for the world outside."""
    addresses = {
        entry.get("name"): entry.get("url") or "" for entry in status.get("advertisedAddresses") or ()
    }
    return str(addresses.get("external") or next(iter(addresses.values()), ""))


def _number(value: Any) -> int:
    try:
        return int(value or 0)
    except (TypeError, ValueError):
        return 0
