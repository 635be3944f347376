"""The JSON Schema of every parameter, one function each, for the facts of one plan."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from controlplane.catalog.plans import MachineTypeFacts, PlanFacts

Schema = dict[str, Any]

CIDR_PATTERN = r"^[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}$"
ANY_CIDR_PATTERN = r"^[0-9A-Fa-f:.]{2,45}/[0-9]{1,3}$"
NO_BLANKS_PATTERN = r"^[^\s\u0000-\u001f\u007f]+$"
CLOCK_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def ordered(properties: dict[str, Schema]) -> dict[str, Schema]:
    """The same properties, each with its place in a form."""
    return {
        name: schema | {"x-order": place} for place, (name, schema) in enumerate(properties.items(), start=1)
    }


def word(title: str, description: str, **more: Any) -> Schema:
    """A short text without blanks."""
    return {
        "type": "string",
        "title": title,
        "description": description,
        "maxLength": 253,
        "pattern": NO_BLANKS_PATTERN,
        "x-pattern-text": "no spaces or control characters",
        **more,
    }


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
        "description": f"The main pool never has fewer; {plan.zones_per_pool} zones need a node each.",
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
