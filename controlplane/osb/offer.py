"""What the broker offers: one service whose plans are the catalog's, under ids that never change."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings

from controlplane.catalog.facts import Snapshot, snapshot
from controlplane.catalog.plans import PlanFacts
from controlplane.catalog.schema import DIALECT, plan_schema
from controlplane.osb.refusals import malformed
from controlplane.osb.trimming import trimmed
from provisioner.drivers.base import Role
from provisioner.lifecycle.kubeconfig import SHORTEST, longest_of
from provisioner.operations.flowbook import flow_of
from provisioner.runtimes.phases import Kind

SERVICE_ID = "5f0c5bd6-8d3b-4a55-9a9e-7f3f2c1f6f0e"  # given once, for ever
SERVICE_NAME = "kubernetes-runtime"
FREE = frozenset({"free"})
DEFAULT_TTL_SECONDS = 3600
_SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")  # 2.0.0, without what may follow


def catalog_document(*, minor: int, region: str = "") -> dict[str, Any]:
    """Return the answer of the catalog's address, with what version 2.`minor` knows; with a region, the plans that are there."""
    catalog = snapshot()
    offered = [facts for facts in catalog.plans.values() if is_offered(facts, region)]
    service = {
        "id": SERVICE_ID,
        "name": SERVICE_NAME,
        "description": "Managed, isolated Kubernetes runtimes with a curated set of modules.",
        "tags": ["kubernetes", "cluster"],
        "bindable": True,
        "instances_retrievable": True,
        "bindings_retrievable": True,
        "binding_rotatable": True,
        "allow_context_updates": True,
        "plan_updateable": True,
        "metadata": {"displayName": "Kubernetes runtime", "providerDisplayName": "Nesoi"},
        "plans": [_plan(facts, catalog, minor=minor, region=region) for facts in offered],
    }
    return {"services": [trimmed("service", service, minor)]}


def is_offered(facts: PlanFacts, region: str) -> bool:
    """Whether new instances may have the plan at this address; the trial plan begins with a sign-up, never here."""
    there = not region or facts.region(region) is not None
    active = facts.state == "active" and facts.key != settings.TRIAL_PLAN
    return active and bool(facts.broker_id) and there


def plan_of(plan_id: str, *, region: str = "") -> PlanFacts:
    """Return the plan that new instances may have; raises Refused 400."""
    for facts in snapshot().plans.values():
        if facts.broker_id == plan_id and is_offered(facts, region):
            return facts
    raise malformed("plan_id is not in the catalog; fetch the catalog again.", field="plan_id")


def check_service(service_id: str) -> None:
    """Raise Refused 400 unless the service is ours."""
    if service_id != SERVICE_ID:
        raise malformed("service_id is not in the catalog; fetch the catalog again.", field="service_id")


def maintenance_version(facts: PlanFacts, catalog: Snapshot | None = None) -> str | None:
    """Return the release that new runtimes of the plan get, as a semantic version; None when it is none."""
    release = (catalog or snapshot()).releases.get(facts.channel)
    return release.key if release and _SEMVER.fullmatch(release.key) else None


def _plan(facts: PlanFacts, catalog: Snapshot, *, minor: int, region: str) -> dict[str, Any]:
    version = maintenance_version(facts, catalog)
    release = catalog.releases.get(facts.channel)
    info = {
        "version": version,
        "description": f"Kubernetes {release.kubernetes_patch}" if release else version,
    }
    plan = {
        "id": facts.broker_id,
        "name": facts.key,
        "description": " ".join(facts.description.split()),
        "free": facts.key in FREE,
        "bindable": True,
        "binding_rotatable": True,
        "plan_updateable": True,
        "maximum_polling_duration": int(flow_of(Kind.UPDATE).deadline.total_seconds()),
        **({"maintenance_info": info} if version else {}),
        "metadata": {"displayName": facts.name, "bullets": _bullets(facts)},
        "schemas": {
            "service_instance": {
                "create": {"parameters": _schema(facts, region, for_update=False)},
                "update": {"parameters": _schema(facts, region, for_update=True)},
            },
            "service_binding": {"create": {"parameters": binding_schema(facts.key)}},
        },
    }
    return trimmed("plan", plan, minor)


def _bullets(facts: PlanFacts) -> list[str]:
    zones = "3 zones" if facts.zones_per_pool > 1 else "one zone"
    return [
        f"{len(facts.regions)} regions, {zones}",
        f"{facts.nodes.minimum} to {facts.nodes.ceiling} nodes",
        f"{len(facts.machine_types)} machine types",
    ]


def _schema(facts: PlanFacts, region: str, *, for_update: bool) -> dict[str, Any]:
    drawn = dict(plan_schema(facts, for_update=for_update))
    if region and not for_update:
        fixed = {**drawn["properties"]["region"], "enum": [region], "default": region}
        drawn["properties"] = {**drawn["properties"], "region": fixed}
        drawn["required"] = [name for name in drawn["required"] if name != "region"]
    return drawn


def binding_schema(plan: str) -> dict[str, Any]:
    """Return what a bind request may say, within what the plan allows."""
    longest = int(longest_of(plan).total_seconds())
    return {
        "$schema": DIALECT,
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "role": {
                "type": "string",
                "enum": [role.value for role in (Role.VIEW, Role.EDIT, Role.ADMIN)],
                "default": Role.EDIT.value,
                "description": "What the credentials may do in the cluster.",
            },
            "ttl_seconds": {
                "type": "integer",
                "minimum": int(SHORTEST.total_seconds()),
                "maximum": longest,
                "default": min(DEFAULT_TTL_SECONDS, longest),
                "description": "When the binding ends by itself; rotate it before.",
            },
        },
    }
