"""What each kind of file must look like, as JSON Schemas."""

from __future__ import annotations

from controlplane.catalog.loading.module_shapes import SOURCED_VERSION
from controlplane.catalog.loading.shape_words import (
    COUNT,
    DATE,
    MODULE_VERSION,
    NAME,
    PROSE,
    SIZE,
    SLUG,
    TEXT,
    UUID,
    VERSION,
    Shape,
    listing,
    record,
)

REGIONS = record(
    {
        "provider": SLUG,
        "regions": listing(record({"name": NAME, "display_name": TEXT, "zones": listing(NAME)})),
    }
)
MACHINES = record(
    {
        "provider": SLUG,
        "machine_types": listing(
            record(
                {
                    "name": NAME,
                    "family": SLUG,
                    "vcpu": SIZE,
                    "memory_gib": {
                        "anyOf": [SIZE, {"type": "string", "pattern": r"^[0-9]{1,6}\.[0-9]{1,3}$"}]
                    },
                },
                {
                    "gpus": COUNT,
                    "gpu_model": TEXT,
                    "architecture": {"type": "string", "enum": ["amd64", "arm64"]},
                    "zones": {"type": "object", "minProperties": 1, "additionalProperties": listing(NAME)},
                },
            )
        ),
    }
)
KUBERNETES = record(
    {
        "versions": listing(
            record(
                {
                    "version": {
                        "type": "string",
                        "pattern": r"^1\.[0-9]+$",
                        "x-pattern-text": "a minor such as 1.34",
                    },
                    "patch": VERSION,
                    "lifecycle": {
                        "type": "string",
                        "enum": ["preview", "supported", "deprecated", "expired"],
                    },
                },
                {"expires_on": DATE},
            )
        )
    }
)
MODULES = record(
    {
        "modules": listing(
            record(
                {"key": SLUG, "name": TEXT, "description": PROSE},
                {"mandatory": {"type": "boolean"}, "versions": listing(SOURCED_VERSION)},
            )
        )
    }
)
RELEASE = record(
    {
        "key": VERSION,
        "kubernetes": VERSION,
        "machine_image": record(
            {
                "name": NAME,
                "version": VERSION,
                "architectures": listing({"type": "string", "enum": ["amd64", "arm64"]}),
            }
        ),
        "modules": {"type": "object", "additionalProperties": MODULE_VERSION},
    },
    {
        "notes": PROSE,
        "known_issues": listing(PROSE),
        "requires": listing(VERSION),
        "end_of_life": DATE,
        "draft": {"type": "boolean"},
    },
)
CHANNELS = record({"channels": listing(record({"key": SLUG, "release": VERSION}))})
PLAN = record(
    {
        "key": SLUG,
        "broker_id": UUID,
        "name": TEXT,
        "description": PROSE,
        "provider": SLUG,
        "landscape_kind": SLUG,
        "position": COUNT,
        "state": {"type": "string", "enum": ["active", "retired"]},
        "parameters": listing({"type": "string"}, least=0),
        "regions": listing(NAME),
        "machine_types": listing(NAME),
        "additional_machine_types": listing(NAME, least=0),
        "zones_per_pool": SIZE,
        "nodes": record({"minimum": SIZE, "maximum": SIZE, "ceiling": SIZE}),
        "additional_pools": COUNT,
        "volume_gib": SIZE,
        "channel": SLUG,
        "default_modules": listing(SLUG, least=0),
        "networking": record(
            {
                "nodes": TEXT,
                "pods": TEXT,
                "services": TEXT,
                "reserved": listing(record({"cidr": TEXT, "reason": TEXT}), least=0),
            }
        ),
    },
    {
        "suspension": {"type": "string", "enum": ["hibernate", "destroy"]},
        "price_book": SLUG,
        "system_pool": record({"machine_type": NAME, "minimum": SIZE, "maximum": SIZE}),
        "quota": record({}, {"runtimes": COUNT, "vcpu": COUNT, "memory_gib": COUNT, "gpus": COUNT}),
    },
)
# Fixed files, and folders of files that are named after what they hold: the field that must equal the name.
FILES: dict[str, Shape] = {"kubernetes.yaml": KUBERNETES, "modules.yaml": MODULES, "channels.yaml": CHANNELS}
FOLDERS: dict[str, tuple[Shape, str]] = {
    "regions": (REGIONS, "provider"),
    "machines": (MACHINES, "provider"),
    "releases": (RELEASE, "key"),
    "plans": (PLAN, "key"),
}
