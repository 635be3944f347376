"""Runtimes as written and as read."""

from __future__ import annotations

from typing import Any

from controlplane.api.links import runtime_url
from controlplane.api.shapes.base import (
    COUNT,
    FREE,
    ID,
    LABELS,
    MAYBE_MOMENT,
    MOMENT,
    PERCENT,
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
from controlplane.catalog.access_properties import MODULES_TEXT
from controlplane.kernel.clock import rfc3339
from provisioner.modules.versions import plain_versions
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Phase, Suspension

PHASES = [phase.value for phase in Phase]
CONDITION = record({"type": TEXT, "status": TEXT, "message": TEXT, "since": TEXT})
SPEC = record(
    {
        "parameters": {
            **FREE,
            "description": "As wanted, every default filled in; the plan's `schema` explains them.",
        },
        "release": TEXT,
        "kubernetes_version": {"type": "string", "description": "Wanted."},
        "channel": TEXT,
        "modules": {
            **LABELS,
            "description": "Versions by module of the release; GET /api/v1/runtimes/{runtime}/modules says which it has.",
        },
    },
    description="What is wanted.",
)
STATUS = record(
    {
        "phase": words(PHASES),
        "message": TEXT,
        "suspended_for": {
            **several(words(list(Suspension))),
            "description": "What keeps it suspended; the tenant's own people resume it from a `wish`, and from `quota` once it "
            "fits again.",
        },
        "observed_generation": {
            **COUNT,
            "description": "The newest wish whose cluster stands; its modules may still come.",
        },
        "kubernetes_version": {"type": "string", "description": "Running."},
        "api_endpoint": TEXT,
        "conditions": several(CONDITION),
        "progress": PERCENT,
        "activity": {"type": "string", "description": "What the landscape is doing, in its words."},
        "observed_at": MAYBE_MOMENT,
    },
    description="What is observed.",
)
RUNTIME = Shape(
    "Runtime",
    record(
        {
            "id": ID,
            "url": URL,
            "name": TEXT,
            "account": TEXT,
            "tenant": TEXT,
            "plan": TEXT,
            "region": TEXT,
            "labels": LABELS,
            "spec": SPEC,
            "status": STATUS,
            "generation": {**COUNT, "description": "Counts wishes."},
            "revision": {
                **COUNT,
                "description": "Counts changes, those of labels too; the ETag is made of it.",
            },
            "created_at": MOMENT,
            "updated_at": MOMENT,
            "deleted_at": MAYBE_MOMENT,
            "operation": {**maybe(OPERATION_SHORT), "description": "What is under way, or null."},
        },
        description="One managed, isolated Kubernetes cluster.",
    ),
)
RUNTIME_LIST = page_of(RUNTIME)
STARTED = Shape(
    "Started",
    record(
        {"runtime": RUNTIME, "operation": maybe(OPERATION_SHORT)},
        description="The runtime and the operation that was started; null where nothing needs to be done.",
    ),
)
RUNTIME_CREATE = Shape(
    "RuntimeCreate",
    {
        "type": "object",
        "required": ["account", "name", "plan"],
        "additionalProperties": False,
        "properties": {
            "account": {"type": "string", "minLength": 1, "maxLength": 64, "description": "Id or slug."},
            "name": {
                "type": "string",
                "maxLength": 40,
                "pattern": "^[a-z]([a-z0-9-]*[a-z0-9])?$",
                "x-pattern-text": "lower-case letters, digits and dashes, beginning with a letter",
                "x-codes": {"pattern": "name_invalid", "maxLength": "name_too_long"},
            },
            "plan": {"type": "string", "maxLength": 64, "description": "Key; GET /api/v1/plans lists them."},
            "parameters": {
                **FREE,
                "description": f"As `schema` of GET /api/v1/plans/{{plan}} says. `modules`: {MODULES_TEXT}",
            },
            "labels": LABELS,
            "tenant": {
                "type": "string",
                "maxLength": 64,
                "description": "Slug; for tokens of the platform's team, which belong to no tenant.",
            },
        },
    },
    example={
        "account": "shop",
        "name": "checkout",
        "plan": "aws",
        "parameters": {"region": "eu-central-1", "autoScalerMin": 3, "autoScalerMax": 6},
        "labels": {"team": "payments"},
    },
)
RUNTIME_CHANGE = Shape(
    "RuntimeChange",
    {
        "type": "object",
        "description": "Each top-level parameter replaces the old one, lists as a whole; so do labels. "
        "`maintenanceWindow`: null is back to the default.",
        "additionalProperties": False,
        "properties": {"parameters": FREE, "labels": LABELS},
    },
    example={"parameters": {"autoScalerMax": 10}},
)
KUBECONFIG_REQUEST = Shape(
    "KubeconfigRequest",
    {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "ttl_seconds": {
                "type": "integer",
                "minimum": 600,
                "maximum": 86400,
                "default": 3600,
                "x-unit": "seconds",
                "x-codes": {"minimum": "ttl_out_of_range", "maximum": "ttl_out_of_range"},
            },
            "role": {
                "type": "string",
                "enum": ["admin", "edit", "view"],
                "default": "admin",
                "description": "`admin` may do everything in the cluster; `edit` everything but roles and "
                "their bindings; `view` reads everything except secrets.",
            },
        },
    },
    example={"ttl_seconds": 3600, "role": "admin"},
)
KUBECONFIG = Shape(
    "Kubeconfig",
    record(
        {"kubeconfig": {"type": "string", "description": "YAML for kubectl."}, "expires_at": MOMENT},
        description="A short-lived credential, made for this request and never stored.",
    ),
)


def runtime_json(runtime: Runtime, operation: Operation | None, *, base: str) -> dict[str, Any]:
    """Return a runtime as read; `operation` is what is under way. Reads `account` and `tenant` of the row."""
    return {
        "id": str(runtime.id),
        "url": runtime_url(base, runtime.id),
        "name": runtime.name,
        "account": runtime.account.slug,
        "tenant": runtime.tenant.slug,
        "plan": runtime.plan_id,
        "region": runtime.region,
        "labels": runtime.labels,
        "spec": _spec(runtime),
        "status": _status(runtime),
        "generation": runtime.generation,
        "revision": runtime.revision,
        "created_at": rfc3339(runtime.created_at),
        "updated_at": rfc3339(runtime.updated_at),
        "deleted_at": rfc3339(runtime.deleted_at),
        "operation": operation and operation_short(operation, base=base),
    }


def _spec(runtime: Runtime) -> dict[str, Any]:
    parameters = runtime.spec.get("parameters", {})
    release = runtime.spec.get("release", {})
    return {
        "parameters": parameters,
        "release": release.get("key", ""),
        "kubernetes_version": release.get("kubernetes_patch", release.get("kubernetes", "")),
        "channel": parameters.get("channel", ""),
        "modules": plain_versions(release.get("modules", {})),
    }


def _status(runtime: Runtime) -> dict[str, Any]:
    seen = runtime.status
    return {
        "phase": runtime.phase,
        "message": runtime.message,
        "suspended_for": runtime.suspended_for,
        "observed_generation": runtime.observed_generation,
        "kubernetes_version": seen.get("kubernetes_version", ""),
        "api_endpoint": seen.get("api_endpoint", ""),
        "conditions": [
            {key: condition.get(key, "") for key in ("type", "status", "message", "since")}
            for condition in seen.get("conditions", ())
        ],
        "progress": seen.get("progress", 0),
        "activity": seen.get("activity", ""),
        "observed_at": rfc3339(runtime.status_at),
    }
