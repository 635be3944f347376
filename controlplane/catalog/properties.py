"""The JSON Schema of every parameter, one function each, for the facts of one plan."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from controlplane.catalog.plans import MachineTypeFacts, PlanFacts

Schema = dict[str, Any]

CIDR_PATTERN = r"^[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}$"
ANY_CIDR_PATTERN = r"^[0-9A-Fa-f:.]{2,45}/[0-9]{1,3}$"
# Gardener allows 15 characters for a worker pool's name (pkg/apis/core/validation/shoot.go, maxWorkerNameLength).
POOL_NAME_PATTERN = r"^[a-z]([-a-z0-9]{0,13}[a-z0-9])?$"
LABEL_KEY_PATTERN = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
LABEL_VALUE_PATTERN = r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$"
NO_BLANKS_PATTERN = r"^[^\s\u0000-\u001f\u007f]+$"
CLOCK_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
LABEL_RULE = "letters, digits, '-', '_' and '.', at most 63, beginning and ending with a letter or digit"
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
SIGNING_ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512")


def region(plan: PlanFacts) -> Schema:
    """Where the runtime lives."""
    return {
        "type": "string",
        "title": "Region",
        "description": "Where the runtime and its data live. It can't be changed later.",
        "enum": [entry.name for entry in plan.regions],
        "default": plan.regions[0].name,
        "x-enum-titles": {entry.name: f"{entry.display_name} ({entry.name})" for entry in plan.regions},
        "x-codes": {"enum": "region_not_in_plan"},
        "x-immutable": True,
    }


def machines(title: str, description: str, choices: Iterable[MachineTypeFacts]) -> Schema:
    """A choice of machine types with what a form needs to show their size and where they are available."""
    offered = tuple(choices)
    return {
        "type": "string",
        "title": title,
        "description": description,
        "enum": [machine.name for machine in offered],
        "default": offered[0].name,
        "x-enum-titles": {machine.name: machine.title for machine in offered},
        "x-machines": {
            machine.name: {
                "vcpu": machine.vcpu,
                "memory_gib": f"{machine.memory_gib.normalize():f}",
                "gpus": machine.gpus,
                "gpu_model": machine.gpu_model,
                "regions": sorted(machine.zones) or None,
            }
            for machine in offered
        },
        "x-codes": {"enum": "machine_type_not_in_plan"},
    }


def machine_type(plan: PlanFacts) -> Schema:
    """The machine type of the main worker pool."""
    text = "The kind of machine of the main worker pool. GPU machines belong into additional pools."
    return machines("Machine type", text, plan.machine_types)


def autoscaler_min(plan: PlanFacts) -> Schema:
    """The fewest nodes of the main worker pool."""
    return {
        "type": "integer",
        "title": "Fewest nodes",
        "description": f"The main worker pool never has fewer nodes; {plan.zones_per_pool} zones need one each.",
        "minimum": plan.zones_per_pool,
        "maximum": plan.nodes.ceiling,
        "default": plan.nodes.minimum,
        "x-unit": "nodes",
        "x-codes": {"minimum": "ha_minimum_too_low" if plan.zones_per_pool > 1 else "too_small"},
    }


def autoscaler_max(plan: PlanFacts) -> Schema:
    """The most nodes of the main worker pool."""
    return {
        "type": "integer",
        "title": "Most nodes",
        "description": "The main worker pool never has more nodes, however high the load.",
        "minimum": plan.zones_per_pool,
        "maximum": plan.nodes.ceiling,
        "default": plan.nodes.maximum,
        "x-unit": "nodes",
    }


def labels(title: str, description: str) -> Schema:
    """A map of Kubernetes labels."""
    return {
        "type": "object",
        "title": title,
        "description": description,
        "maxProperties": 50,
        "propertyNames": {"pattern": LABEL_KEY_PATTERN, "x-pattern-text": LABEL_RULE},
        "additionalProperties": {
            "type": "string",
            "pattern": LABEL_VALUE_PATTERN,
            "x-pattern-text": LABEL_RULE,
        },
        "default": {},
    }


def taints() -> Schema:
    """Taints of a worker pool."""
    return {
        "type": "array",
        "title": "Taints",
        "description": "Keeps away pods that don't tolerate them.",
        "maxItems": 20,
        "default": [],
        "items": {
            "type": "object",
            "title": "Taint",
            "required": ["key", "effect"],
            "additionalProperties": False,
            "properties": {
                "key": {
                    "type": "string",
                    "title": "Key",
                    "pattern": LABEL_KEY_PATTERN,
                    "x-pattern-text": LABEL_RULE,
                    "x-codes": {"pattern": "taint_invalid"},
                    "x-order": 1,
                },
                "value": {
                    "type": "string",
                    "title": "Value",
                    "default": "",
                    "pattern": LABEL_VALUE_PATTERN,
                    "x-pattern-text": LABEL_RULE,
                    "x-codes": {"pattern": "taint_invalid"},
                    "x-order": 2,
                },
                "effect": {
                    "type": "string",
                    "title": "Effect",
                    "enum": ["NoSchedule", "PreferNoSchedule", "NoExecute"],
                    "default": "NoSchedule",
                    "x-codes": {"enum": "taint_invalid"},
                    "x-order": 3,
                },
            },
        },
    }


def additional_pools(plan: PlanFacts) -> Schema:
    """Additional worker pools; the only place for GPU machines."""
    ordered: Schema = {
        "name": {
            "type": "string",
            "title": "Name",
            "description": "Unique within the runtime. Renaming a pool replaces its nodes.",
            "minLength": 1,
            "maxLength": 15,
            "pattern": POOL_NAME_PATTERN,
            "x-pattern-text": "at most 15 lower-case letters, digits and '-', beginning with a letter, not ending with '-'",
            "x-codes": {"pattern": "pool_name_invalid", "maxLength": "pool_name_invalid"},
        },
        "machineType": machines("Machine type", "The kind of machine of this pool.", plan.pool_machine_types),
        "haZones": {
            "type": "boolean",
            "title": "High availability",
            "description": f"Spread over {plan.zones_per_pool} zones; off means one zone. Can't be changed later.",
            "default": plan.zones_per_pool > 1,
            "x-immutable": True,
        },
        "autoScalerMin": {
            "type": "integer",
            "title": "Fewest nodes",
            "description": f"At least {plan.zones_per_pool} with high availability; 0 is allowed without.",
            "minimum": 0,
            "maximum": plan.nodes.ceiling,
            "default": plan.nodes.minimum,
            "x-unit": "nodes",
        },
        "autoScalerMax": {
            "type": "integer",
            "title": "Most nodes",
            "minimum": 1,
            "maximum": plan.nodes.ceiling,
            "default": plan.nodes.maximum,
            "x-unit": "nodes",
        },
        "labels": labels("Labels", "Kubernetes labels that every node of the pool carries."),
        "annotations": {
            "type": "object",
            "title": "Annotations",
            "description": "Kubernetes annotations that every node of the pool carries.",
            "maxProperties": 50,
            "propertyNames": {"pattern": LABEL_KEY_PATTERN, "x-pattern-text": LABEL_RULE},
            "additionalProperties": {"type": "string", "maxLength": 4096},
            "default": {},
        },
        "taints": taints(),
    }
    advanced = {"labels", "annotations", "taints"}
    for position, (key, value) in enumerate(ordered.items(), start=1):
        value["x-order"] = position
        value["x-advanced"] = key in advanced
    return {
        "type": "array",
        "title": "Additional worker pools",
        "description": "Further pools beside the main one. An update replaces the whole list.",
        "maxItems": plan.additional_pools,
        "default": [],
        "items": {
            "type": "object",
            "title": "Worker pool",
            "required": ["name", "machineType"],
            "additionalProperties": False,
            "properties": ordered,
        },
    }
