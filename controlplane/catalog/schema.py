"""The one JSON Schema (2020-12) of a plan's parameters: API, console and broker validate and render from it.

Hints for rendering: `x-groups` (sections in order), and on a property `x-order`, `x-group`, `x-advanced`,
`x-immutable`, `x-removable` (an update may take it back with null), `x-unit`, `x-enum-titles`,
`x-empty` (what an empty list means), `x-machines` (sizes), `x-pattern-text` (the pattern in words) and
`x-codes` (error codes by keyword).
"""

from __future__ import annotations

from collections.abc import Callable

from controlplane.catalog import access_properties as access
from controlplane.catalog import properties as size
from controlplane.catalog.oidc_properties import oidc
from controlplane.catalog.plans import PlanFacts
from controlplane.catalog.pool_properties import additional_pools
from controlplane.catalog.properties import Schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"

# Parameter: its group, whether a form hides it at first, its schema. The order is the form's order.
PARAMETERS: dict[str, tuple[str, bool, Callable[[PlanFacts], Schema]]] = {
    "region": ("place", False, size.region),
    "channel": ("place", False, access.channel),
    "machineType": ("size", False, size.machine_type),
    "autoScalerMin": ("size", False, size.autoscaler_min),
    "autoScalerMax": ("size", False, size.autoscaler_max),
    "additionalWorkerNodePools": ("size", False, additional_pools),
    "modules": ("modules", False, access.modules),
    "administrators": ("access", False, access.administrators),
    "oidc": ("access", True, oidc),
    "accessControlList": ("access", True, access.access_control_list),
    "ingressFiltering": ("access", True, access.ingress_filtering),
    "networking": ("network", True, access.networking),
    "maintenanceWindow": ("upkeep", True, access.maintenance_window),
}

GROUPS = (
    ("place", "Place", "Where the runtime lives and which releases it follows."),
    ("size", "Size", "Machines and how many of them."),
    ("modules", "Modules", "Capabilities beyond plain Kubernetes."),
    ("access", "Access", "Who may sign in, and from where."),
    ("network", "Networks", "Address ranges, when the defaults collide with yours."),
    ("upkeep", "Upkeep", "When upgrades may disturb the runtime."),
)

IMMUTABLE = ("region", "networking")


def plan_schema(plan: PlanFacts, *, for_update: bool = False) -> Schema:
    """What a request may name; for an update without the immutable parameters, and nothing required."""
    properties: Schema = {}
    for order, (name, (group, advanced, build)) in enumerate(PARAMETERS.items(), start=1):
        if not plan.takes(name) or (for_update and name in IMMUTABLE):
            continue
        hints = {"x-order": order, "x-group": group, "x-advanced": advanced}
        drawn = build(plan)
        if for_update and drawn.get("x-removable"):
            drawn["type"] = [drawn["type"], "null"]
        properties[name] = drawn | hints
    used = {schema["x-group"] for schema in properties.values()}
    return {
        "$schema": DIALECT,
        "title": f"Change a runtime of plan {plan.name}" if for_update else f"Runtime of plan {plan.name}",
        "description": plan.description,
        "type": "object",
        "required": [] if for_update else ["region"],
        "additionalProperties": False,
        "properties": properties,
        "x-groups": [
            {"key": key, "title": title, "description": text} for key, title, text in GROUPS if key in used
        ],
    }
