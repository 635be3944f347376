"""Plans and regions: what can be ordered, and where."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from controlplane.api.links import plan_url
from controlplane.api.shapes.base import COUNT, FREE, TEXT, URL, Shape, page_of, record, several
from controlplane.catalog.plans import MachineTypeFacts, PlanFacts, RegionFacts
from controlplane.catalog.schema import plan_schema

REGION_OF_PLAN = record({"name": TEXT, "display_name": TEXT, "zones": several(TEXT)})
MACHINE_TYPE = record(
    {
        "name": TEXT,
        "vcpu": COUNT,
        "memory_gib": {"type": "number", "minimum": 0},
        "gpus": COUNT,
        "gpu_model": TEXT,
        "architecture": TEXT,
    }
)
_PLAN = {
    "key": TEXT,
    "url": URL,
    "name": TEXT,
    "description": TEXT,
    "provider": TEXT,
    "state": {"type": "string", "description": "A retired plan keeps its runtimes but takes no new ones."},
    "regions": several(REGION_OF_PLAN),
    "machine_types": several(MACHINE_TYPE),
    "channels": several(TEXT),
    "channel": {"type": "string", "description": "The default."},
    "default_modules": several(TEXT),
}
PLAN = Shape("Plan", record(_PLAN, description="What can be ordered."))
PLAN_WITH_SCHEMA = Shape(
    "PlanWithSchema",
    record(
        {
            **_PLAN,
            "schema": {
                **FREE,
                "description": "JSON Schema (2020-12) of `parameters` in POST /api/v1/runtimes.",
            },
            "update_schema": {
                **FREE,
                "description": "The same for PATCH: without what can't be changed, with null for what can be taken back.",
            },
        },
        description="What can be ordered, with the schema of its parameters.",
    ),
)
PLAN_LIST = page_of(PLAN)
REGION = Shape(
    "Region",
    record(
        {
            "name": TEXT,
            "display_name": TEXT,
            "provider": TEXT,
            "zones": several(TEXT),
            "plans": {**several(TEXT), "description": "Keys of the plans that offer it."},
        },
        description="A place where runtimes can live.",
    ),
)
REGION_LIST = page_of(REGION)


def plan_json(plan: PlanFacts, *, base: str) -> dict[str, Any]:
    """Return a plan as lists show it."""
    return {
        "key": plan.key,
        "url": plan_url(base, plan.key),
        "name": plan.name,
        "description": plan.description,
        "provider": plan.provider,
        "state": plan.state,
        "regions": [_region(region) for region in plan.regions],
        "machine_types": [_machine_type(machine) for machine in plan.pool_machine_types],
        "channels": list(plan.channels),
        "channel": plan.channel,
        "default_modules": list(plan.default_modules),
    }


def plan_with_schema(plan: PlanFacts, *, base: str) -> dict[str, Any]:
    """Return a plan as its own address shows it."""
    return {
        **plan_json(plan, base=base),
        "schema": plan_schema(plan),
        "update_schema": plan_schema(plan, for_update=True),
    }


def regions_json(plans: Iterable[PlanFacts]) -> list[dict[str, Any]]:
    """Return every region that a plan offers, once, with the plans that offer it."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for plan in plans:
        for region in plan.regions:
            key = (plan.provider, region.name)
            entry = found.setdefault(key, {**_region(region), "provider": plan.provider, "plans": []})
            entry["plans"].append(plan.key)
    return [found[key] for key in sorted(found)]


def _region(region: RegionFacts) -> dict[str, Any]:
    return {"name": region.name, "display_name": region.display_name, "zones": list(region.zones)}


def _machine_type(machine: MachineTypeFacts) -> dict[str, Any]:
    return {
        "name": machine.name,
        "vcpu": machine.vcpu,
        "memory_gib": float(machine.memory_gib),
        "gpus": machine.gpus,
        "gpu_model": machine.gpu_model,
        "architecture": machine.architecture,
    }
