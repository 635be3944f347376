"""Plans and releases from the tables, kept per process until the next revision of the catalog.

Seven queries after an apply, one otherwise: the number of the revision in force.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controlplane.catalog.models import Channel, MachineType, Module, ModuleVersion, Plan, Region, Release
from controlplane.catalog.plans import ModuleFacts, PlanFacts, ReleaseFacts, plan_facts
from controlplane.catalog.queries import latest_revision
from controlplane.catalog.sourced import SourcedVersion, sourced_version
from controlplane.kernel.errors import Refused
from controlplane.kernel.sentences import choices, shown


@dataclass(frozen=True)
class Snapshot:
    """The catalog at one revision; `plans` in the order of their position."""

    revision: tuple[int, str] | None
    plans: Mapping[str, PlanFacts]
    releases: Mapping[str, ReleaseFacts]  # by channel
    every_release: Mapping[str, ReleaseFacts] = field(default_factory=dict)  # by key, drafts included
    sourced: Mapping[str, SourcedVersion] = field(default_factory=dict)  # by key


_kept: Snapshot | None = None


def snapshot() -> Snapshot:
    """The catalog as it is now."""
    global _kept  # noqa: PLW0603 - the cache; replaced whole, so threads see the old one or the new one
    revision = latest_revision()
    kept = _kept
    if kept is not None and revision is not None and kept.revision == revision:
        return kept
    # Rows read after the revision's number may be newer than it, never older: the next call then loads again.
    _kept = _load(revision)
    return _kept


def load_plan_facts(key: str, catalog: Snapshot | None = None) -> PlanFacts:
    """The facts of one plan, retired ones included; raises Refused `plan_unknown` with the plans that there are.

    Whoever asks several questions takes one `snapshot()` and hands it on.
    """
    plans = (catalog or snapshot()).plans
    found = plans.get(key)
    if found is None:
        offered = [plan.key for plan in plans.values() if plan.state == "active"]
        raise Refused("plan_unknown", f"There is no plan {shown(key)}. {choices(offered, key)}", field="plan")
    return found


def list_plan_facts() -> list[PlanFacts]:
    """Every plan that takes new runtimes, in the order of its position."""
    return [plan for plan in snapshot().plans.values() if plan.state == "active"]


def list_modules() -> tuple[ModuleFacts, ...]:
    """Every module of the catalog."""
    return next((plan.modules for plan in snapshot().plans.values()), ())


def _load(revision: tuple[int, str] | None) -> Snapshot:
    regions: dict[str, list[dict[str, Any]]] = defaultdict(list)
    machines: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in Region.objects.values("provider", "name", "display_name", "zones"):
        regions[row["provider"]].append(dict(row))
    for machine in MachineType.objects.values():
        machines[machine["provider"]].append(dict(machine))
    modules = [dict(row) for row in Module.objects.values()]
    channels = dict(Channel.objects.values_list("key", "release_id"))
    plans = {
        plan.key: plan_facts(
            plan.definition,
            regions=regions[plan.provider],
            machine_types=machines[plan.provider],
            modules=modules,
            channels=sorted(channels),
        )
        for plan in Plan.objects.order_by("position", "key")
    }
    every = {row.key: _release_facts(row) for row in Release.objects.select_related("kubernetes_version")}
    sourced = {row["key"]: sourced_version(row) for row in ModuleVersion.objects.values()}
    pointed = {key: every[release] for key, release in channels.items()}
    return Snapshot(revision, plans, pointed, every, sourced)


def _release_facts(row: Release) -> ReleaseFacts:
    ends = [day for day in (row.end_of_life, row.kubernetes_version.expires_on) if day]
    return ReleaseFacts(
        key=row.key,
        kubernetes_version=row.kubernetes_version_id,
        kubernetes_patch=row.kubernetes_patch,
        machine_image=row.machine_image,
        modules=row.modules,
        notes=row.notes,
        known_issues=tuple(row.known_issues),
        requires=tuple(row.requires),
        published_at=row.published_at,
        end_of_life=min(ends, default=None),
        withdrawn=row.withdrawn_reason,
        published_by=row.published_by,
    )
