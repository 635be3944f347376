"""The JSON Schema of additional worker pools, part by part."""

from __future__ import annotations

from controlplane.catalog.plans import PlanFacts
from controlplane.catalog.properties import Schema, machines, ordered

# Gardener allows 15 characters for a worker pool's name (core/validation, maxWorkerNameLength).
POOL_NAME_PATTERN = r"^[a-z]([-a-z0-9]{0,13}[a-z0-9])?$"
LABEL_KEY_PATTERN = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
LABEL_VALUE_PATTERN = r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$"
LABEL_RULE = "letters, digits, '-', '_' and '.', at most 63, beginning and ending with a letter or digit"
POOL_NAME_RULE = "at most 15 lower-case letters, digits and '-', beginning with a letter, not ending with '-'"


def pool_name() -> Schema:
    """The name of a pool, which its nodes' names carry."""
    return {
        "type": "string",
        "title": "Name",
        "description": "Unique within the runtime. Renaming a pool replaces its nodes.",
        "minLength": 1,
        "maxLength": 15,
        "pattern": POOL_NAME_PATTERN,
        "x-pattern-text": POOL_NAME_RULE,
        "x-codes": {"pattern": "pool_name_invalid", "maxLength": "pool_name_invalid"},
    }


def ha_zones(plan: PlanFacts) -> Schema:
    """Whether a pool spreads over zones."""
    return {
        "type": "boolean",
        "title": "High availability",
        "description": f"Over {plan.zones_per_pool} zones; off means one zone. Can't be changed later.",
        "default": plan.zones_per_pool > 1,
        "x-immutable": True,
    }


def pool_nodes(plan: PlanFacts, title: str, description: str, *, least: int, default: int) -> Schema:
    """A bound of a pool's autoscaler."""
    return {
        "type": "integer",
        "title": title,
        "description": description,
        "minimum": least,
        "maximum": plan.nodes.ceiling,
        "default": default,
        "x-unit": "nodes",
    }


def key_values(title: str, description: str, value: Schema) -> Schema:
    """A map of Kubernetes labels or annotations."""
    return {
        "type": "object",
        "title": title,
        "description": description,
        "maxProperties": 50,
        "propertyNames": {"pattern": LABEL_KEY_PATTERN, "x-pattern-text": LABEL_RULE},
        "additionalProperties": value,
        "default": {},
        "x-advanced": True,
    }


def label_value(title: str) -> Schema:
    """A label's or taint's value."""
    return {
        "type": "string",
        "title": title,
        "pattern": LABEL_VALUE_PATTERN,
        "x-pattern-text": LABEL_RULE,
    }


def taints() -> Schema:
    """Taints of a worker pool."""
    code = {"x-codes": {"pattern": "taint_invalid", "enum": "taint_invalid"}}
    key = {"type": "string", "title": "Key", "pattern": LABEL_KEY_PATTERN, "x-pattern-text": LABEL_RULE}
    effect = {
        "type": "string",
        "title": "Effect",
        "enum": ["NoSchedule", "PreferNoSchedule", "NoExecute"],
        "default": "NoSchedule",
    }
    return {
        "type": "array",
        "title": "Taints",
        "description": "Keeps away pods that don't tolerate them.",
        "maxItems": 20,
        "default": [],
        "x-advanced": True,
        "items": {
            "type": "object",
            "title": "Taint",
            "required": ["key", "effect"],
            "additionalProperties": False,
            "properties": ordered(
                {
                    "key": key | code,
                    "value": label_value("Value") | {"default": ""} | code,
                    "effect": effect | code,
                }
            ),
        },
    }


def additional_pools(plan: PlanFacts) -> Schema:
    """Additional worker pools; the only place for GPU machines."""
    spread = f"At least {plan.zones_per_pool} with high availability; 0 is allowed without."
    fewest, most = plan.nodes.minimum, plan.nodes.maximum
    labels = label_value("Label")
    annotation = {"type": "string", "title": "Annotation", "maxLength": 4096}
    return {
        "type": "array",
        "title": "Additional worker pools",
        "description": "Further pools beside the main one.",
        "maxItems": plan.additional_pools,
        "default": [],
        "items": {
            "type": "object",
            "title": "Worker pool",
            "required": ["name", "machineType"],
            "additionalProperties": False,
            "properties": ordered(
                {
                    "name": pool_name(),
                    "machineType": machines(
                        "Machine type", "The kind of machine of this pool.", plan.pool_machine_types
                    ),
                    "haZones": ha_zones(plan),
                    "autoScalerMin": pool_nodes(plan, "Fewest nodes", spread, least=0, default=fewest),
                    "autoScalerMax": pool_nodes(
                        plan, "Most nodes", "However high the load.", least=1, default=most
                    ),
                    "labels": key_values("Labels", "Kubernetes labels of every node of the pool.", labels),
                    "annotations": key_values(
                        "Annotations", "Kubernetes annotations of every node of the pool.", annotation
                    ),
                    "taints": taints(),
                }
            ),
        },
    }
