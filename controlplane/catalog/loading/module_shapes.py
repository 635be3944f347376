"""What a version of a module with a source looks like in its file."""

from __future__ import annotations

from controlplane.catalog.loading.shape_words import COUNT, SLUG, VERSION, Shape, record

SOURCE: Shape = record(
    {
        "kind": {"type": "string", "enum": ["manifests", "chart"]},
        "url": {
            "type": "string",
            "pattern": r"^(oci|https)://[^\s]+$",
            "maxLength": 500,
            "x-pattern-text": "an address that begins with https:// or, of a chart, oci://",
        },
        "digest": {
            "type": "string",
            "pattern": "^sha256:[0-9a-f]{64}$",
            "x-pattern-text": "sha256: and 64 hexadecimal digits in lower case",
        },
    },
    {"version": {"type": "string", "minLength": 1, "maxLength": 63}, "namespace": SLUG},
)
PATH: Shape = {
    "type": "string",
    "pattern": r"^[^\s.]+(\.[^\s.]+)*$",
    "maxLength": 200,
    "x-pattern-text": "a path into the chart's values such as broker.retention",
}
# Where a setting goes: there as it is, or as a text, or as what stands beside it here.
TARGET: Shape = {
    "anyOf": [
        PATH,
        record({"path": PATH, "text": {"type": "string", "maxLength": 200}}),
        record({"path": PATH, "choices": {"type": "object", "minProperties": 1}}),
    ]
}
QUANTITY: Shape = {
    "type": "string",
    "pattern": "^[0-9]{1,9}(m|Ki|Mi|Gi)?$",
    "x-pattern-text": "a quantity such as 100m or 256Mi",
}
FOOTPRINT: Shape = record(
    {},
    dict.fromkeys(
        ("cpu_millicores", "memory_mib", "per_node_cpu_millicores", "per_node_memory_mib", "replicas"), COUNT
    ),
)
SOURCED_VERSION: Shape = record(
    {"version": VERSION, "source": SOURCE},
    {
        "implementation": SLUG,
        "namespace": SLUG,
        "values": {"type": "object"},
        "settings": {"type": "object", "additionalProperties": TARGET},
        "resources": {
            "type": "object",
            "additionalProperties": record({"cpu": QUANTITY, "memory": QUANTITY}),
        },
        "footprint": FOOTPRINT,
    },
)
