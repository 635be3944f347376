"""What a changed wish comes to: checked, as the cluster that it means, within the quota."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from controlplane.catalog.facts import load_plan_facts, snapshot
from controlplane.catalog.parameters import Parameters
from controlplane.catalog.plans import PlanFacts, ReleaseFacts
from controlplane.catalog.validation import check_plan_change, check_update
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from provisioner.lifecycle.cluster import cluster_spec
from provisioner.lifecycle.module_wishes import module_wishes
from provisioner.lifecycle.quota import count, counted, refuse_growth, wanted_size
from provisioner.lifecycle.release import as_json as release_as_json
from provisioner.lifecycle.release import release_after, with_versions_of
from provisioner.operations.models import Operation
from provisioner.operations.services import refuse_missing
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind, Phase
from provisioner.runtimes.spec import ClusterSpec


def wish(
    runtime: Runtime, parameters: Mapping[str, Any], plan: str, settings: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Write the new wish onto the row in memory and return what changed; the same wish again changes nothing.

    Raises Refused.
    """
    refuse_missing(runtime)
    present = load_plan_facts(runtime.plan_id)
    facts = load_plan_facts(plan) if plan else present
    before, moves = runtime.spec["parameters"], facts.key != present.key
    wanted = _checked(runtime, present, facts, parameters)
    after = wanted.as_json()
    same = not moves and after == before and not _is_open(runtime)
    if same and not settings:
        return {}
    release = _release(runtime, before["channel"], wanted.channel)
    cluster = _cluster(runtime, facts, wanted, release, settings)
    if same and [asdict(module) for module in cluster.modules] == runtime.cluster_spec.get("modules"):
        return {}
    runtime.spec = {**runtime.spec, "parameters": after, "release": release_as_json(release)}
    runtime.cluster_spec = cluster.as_json()
    _grow(runtime, facts, moves=moves)
    runtime.generation += 1
    runtime.plan_id = facts.key
    moved = {"plan": {"before": present.key, "after": facts.key}} if moves else {}
    configured = {"module_settings": dict(settings)} if settings else {}
    return {**moved, **configured, "parameters": _difference(before, after)}


def _checked(
    runtime: Runtime, present: PlanFacts, facts: PlanFacts, parameters: Mapping[str, Any]
) -> Parameters:
    before, seed = runtime.spec["parameters"], str(runtime.id)
    if facts.key != present.key:
        return check_plan_change(present, facts, before, parameters, seed=seed)
    return check_update(facts, before, parameters, seed=seed)


def _cluster(
    runtime: Runtime,
    facts: PlanFacts,
    wanted: Parameters,
    release: ReleaseFacts,
    settings: Mapping[str, Mapping[str, Any]],
) -> ClusterSpec:
    """Return the cluster of the new wish; one that stays on its release keeps the versions that it has."""
    stays = release.key == runtime.spec["release"]["key"]
    modules = module_wishes(
        parameters=wanted,
        release=release,
        channels=snapshot().releases,
        before=runtime.cluster_spec,
        keep_versions=stays,
        settings=settings,
    )
    cluster = cluster_spec(
        name=runtime.cluster_name,
        plan=facts,
        parameters=wanted,
        release=release,
        owner=runtime.cluster_spec["labels"],
        today=utcnow(),
        modules=modules,
        before=runtime.cluster_spec,
    )
    return with_versions_of(cluster, runtime.cluster_spec) if stays else cluster


def _release(runtime: Runtime, before: str, channel: str) -> ReleaseFacts:
    """Return the release of the new wish; raises Refused for another channel while an upgrade is on its way."""
    release = release_after(runtime.spec["release"], channel_before=before, channel=channel)
    open_upgrade = Operation.objects.filter(runtime=runtime, kind=Kind.UPGRADE, slot__isnull=False)
    if channel != before and open_upgrade.exists():
        detail = f"Runtime {runtime.name} is being upgraded; change its channel once that has ended."
        raise Refused("runtime_busy", detail, field="parameters.channel", status=409)
    return release


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    changed = {key for key in {*after, *before} if after.get(key) != before.get(key)}
    return {
        "before": {key: before.get(key) for key in changed},
        "after": {key: after.get(key) for key in changed},
    }


def _grow(runtime: Runtime, facts: PlanFacts, *, moves: bool) -> None:
    """Count what the new wish takes; raises Refused when that is more than is granted."""
    size = wanted_size(runtime, facts)
    refuse_growth(runtime, facts, size - counted(runtime), of_plan=size if moves else None)
    count(runtime, size)


def _is_open(runtime: Runtime) -> bool:
    """Whether the newest wish neither came true nor is on its way, as one is whose operation failed or was cancelled."""
    if runtime.phase == Phase.FAILED:
        return True
    if runtime.observed_generation >= runtime.generation or runtime.suspended_for:
        return False
    return not Operation.objects.filter(runtime=runtime, slot__isnull=False).exists()
