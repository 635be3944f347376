"""Bodies and queries of requests as typed wishes; unknown fields are ignored, wrong ones refused with 400. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.kernel.errors import Refused
from controlplane.osb.refusals import malformed

LONGEST_ID = 255
PARAMETERS_LIMIT_BYTES = CONTEXT_LIMIT_BYTES = 65_536


@dataclass(frozen=True)
class ProvisionWish:
    """An instance as a platform orders it."""

    service_id: str
    plan_id: str
    organization: str
    space: str
    context: Mapping[str, Any]
    parameters: Mapping[str, Any]
    maintenance_version: str | None


@dataclass(frozen=True)
class UpdateWish:
    """What is to change; None: nothing is said about it."""

    service_id: str
    plan_id: str | None
    parameters: Mapping[str, Any] | None
    context: Mapping[str, Any] | None
    maintenance_version: str | None
    previous_plan_id: str | None

    @property
    def fingerprint(self) -> str:
        """What tells a re-sent request from another one."""
        said = [self.plan_id, self.parameters, self.maintenance_version]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class BindWish:
    """A binding; with a predecessor it is a rotation, which takes everything from that one."""

    service_id: str
    plan_id: str
    parameters: Mapping[str, Any]
    predecessor: str


def provision_wish(body: Mapping[str, Any]) -> ProvisionWish:
    """Read a provision request; raises Refused 400."""
    return ProvisionWish(
        service_id=identifier(body, "service_id"),
        plan_id=identifier(body, "plan_id"),
        organization=identifier(body, "organization_guid"),
        space=identifier(body, "space_guid"),
        context=_context(body) or {},
        parameters=_bounded(body, "parameters", PARAMETERS_LIMIT_BYTES) or {},
        maintenance_version=_maintenance_version(body),
    )


def update_wish(body: Mapping[str, Any]) -> UpdateWish:
    """Read an update request; raises Refused 400."""
    previous = _bounded(body, "previous_values", PARAMETERS_LIMIT_BYTES) or {}
    return UpdateWish(
        service_id=identifier(body, "service_id"),
        plan_id=optional(body, "plan_id"),
        parameters=_bounded(body, "parameters", PARAMETERS_LIMIT_BYTES),
        context=_context(body),
        maintenance_version=_maintenance_version(body),
        previous_plan_id=optional(previous, "plan_id"),
    )


def bind_wish(body: Mapping[str, Any]) -> BindWish:
    """Read a bind or rotate request; raises Refused 400."""
    predecessor = optional(body, "predecessor_binding_id") or ""
    read = optional if predecessor else identifier
    return BindWish(
        service_id=read(body, "service_id") or "",
        plan_id=read(body, "plan_id") or "",
        parameters=_bounded(body, "parameters", PARAMETERS_LIMIT_BYTES) or {},
        predecessor=predecessor,
    )


def identifier(values: Mapping[str, Any], name: str) -> str:
    """Return a required id; raises Refused 400."""
    found = optional(values, name)
    if found is None:
        raise malformed(f"{name} is missing.", field=name)
    return found


def optional(values: Mapping[str, Any], name: str) -> str | None:
    """Return an id that may be left out; raises Refused 400."""
    value = values.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_ID or "\0" in value:
        raise malformed(f"{name} must be a text of 1 to {LONGEST_ID} characters.", field=name)
    return value


def _context(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    context = _bounded(body, "context", CONTEXT_LIMIT_BYTES)
    if context is not None:
        optional(context, "platform")
    return context


def _bounded(values: Mapping[str, Any], name: str, limit: int) -> Mapping[str, Any] | None:
    value = values.get(name)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise malformed(f"{name} must be a JSON object.", field=name)
    if len(json.dumps(value).encode()) > limit:
        raise Refused("too_large", f"{name} may have at most {limit} bytes.", field=name, status=400)
    return value


def _maintenance_version(body: Mapping[str, Any]) -> str | None:
    info = _bounded(body, "maintenance_info", PARAMETERS_LIMIT_BYTES)
    version = (info or {}).get("version")
    if version is None:  # generated clients send an object without fields for one that they have not
        return None
    if not isinstance(version, str) or not version:
        raise malformed("maintenance_info.version must be a text.", field="maintenance_info.version")
    return version
