"""Modules of runtimes as written and as read, and the catalogue that they come from."""

from __future__ import annotations

from typing import Any

from controlplane.api.shapes.base import (
    COUNT,
    FREE,
    MAYBE_MOMENT,
    TEXT,
    Shape,
    page_of,
    record,
    several,
    words,
)
from controlplane.catalog.plans import ModuleFacts
from controlplane.kernel.clock import rfc3339
from provisioner.lifecycle.module_reading import STATES, ModuleSight
from provisioner.modules.base import Module
from provisioner.modules.kept import Health

MODULE = Shape(
    "RuntimeModule",
    record(
        {
            "key": TEXT,
            "mandatory": {"type": "boolean", "description": "In every runtime, and not to be removed."},
            "version": {"type": "string", "description": "Wanted."},
            "observed_version": {"type": "string", "description": "Seen whole and well; empty until then."},
            "channel": {"type": "string", "description": "Its own; empty where it follows the runtime's."},
            "settings": {
                **FREE,
                "description": "As wanted, every default filled in; `settings_schema` explains them.",
            },
            "state": words(
                STATES, "`requested`: nobody has begun with it; `blocked`: `message` says what to do."
            ),
            "health": words(list(Health)),
            "drift": {
                **several(TEXT),
                "description": "What of it was changed behind our back, and will be mended.",
            },
            "message": TEXT,
            "since": {**MAYBE_MOMENT, "description": "When state or health last changed."},
            "seen_at": MAYBE_MOMENT,
        },
        description="One module of one runtime, as wanted and as seen.",
    ),
)
MODULE_LIST = page_of(MODULE)
OFFER = Shape(
    "Module",
    record(
        {
            "key": TEXT,
            "name": TEXT,
            "description": TEXT,
            "mandatory": {"type": "boolean"},
            "owner": {"type": "string", "description": "The team that answers for it."},
            "requires": several(TEXT),
            "conflicts": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "Modules that it can't be together with, and why.",
            },
            "settings_schema": {**FREE, "description": "JSON Schema 2020-12 of its settings."},
            "footprint": record(
                {
                    "cpu_millicores": COUNT,
                    "memory_mib": COUNT,
                    "per_node_cpu_millicores": COUNT,
                    "per_node_memory_mib": COUNT,
                    "replicas": COUNT,
                },
                description="What it requests with its defaults.",
            ),
        },
        description="A capability that a runtime can have.",
    ),
)
OFFER_LIST = page_of(OFFER)
SETTINGS = {**FREE, "description": "Replaces what was set; what is left out takes its default."}
MODULE_ADD = Shape(
    "RuntimeModuleAdd",
    {
        "type": "object",
        "required": ["module"],
        "additionalProperties": False,
        "properties": {
            "module": {
                "type": "string",
                "maxLength": 63,
                "description": "Key; GET /api/v1/modules lists them.",
            },
            "settings": SETTINGS,
            "channel": {
                "type": "string",
                "maxLength": 31,
                "description": "Of its own; without one it follows the runtime's.",
            },
        },
    },
    example={"module": "telemetry", "settings": {"signals": ["logs"], "samplingPercent": 5}},
)
MODULE_CHANGE = Shape(
    "RuntimeModuleChange",
    {
        "type": "object",
        "required": ["settings"],
        "additionalProperties": False,
        "properties": {"settings": SETTINGS},
    },
    example={"settings": {"signals": ["logs", "metrics"]}},
)


def module_json(sight: ModuleSight) -> dict[str, Any]:
    """Return one module of a runtime as read; which implementation stands behind it is nobody's to rely on."""
    return {
        "key": sight.key,
        "mandatory": sight.mandatory,
        "version": sight.version,
        "observed_version": sight.observed_version,
        "channel": sight.channel,
        "settings": dict(sight.settings),
        "state": sight.state,
        "health": sight.health,
        "drift": list(sight.drift),
        "message": sight.message,
        "since": rfc3339(sight.since) if sight.since else None,
        "seen_at": rfc3339(sight.seen_at) if sight.seen_at else None,
    }


def offer_json(facts: ModuleFacts, module: Module) -> dict[str, Any]:
    """Return one module of the catalogue."""
    return {
        "key": facts.key,
        "name": facts.name,
        "description": facts.description,
        "mandatory": module.mandatory,
        "owner": module.owner,
        "requires": list(module.requires),
        "conflicts": dict(module.conflicts),
        "settings_schema": dict(module.schema),
        "footprint": vars(module.footprint).copy(),
    }
