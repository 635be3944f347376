"""Change what is wanted of a runtime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.db import transaction

from controlplane.catalog.facts import load_plan_facts, snapshot
from controlplane.catalog.plans import PlanFacts, ReleaseFacts
from controlplane.catalog.validation import check_plan_change, check_update
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.suspension import refuse_suspended
from provisioner.lifecycle.admission import locked_runtime, stale, write
from provisioner.lifecycle.cluster import cluster_spec
from provisioner.lifecycle.module_wishes import module_wishes
from provisioner.lifecycle.naming import check_labels
from provisioner.lifecycle.quota import QUOTA_COLUMNS, count, counted, refuse_growth, wanted_size
from provisioner.lifecycle.release import as_json as release_as_json
from provisioner.lifecycle.release import release_after, with_versions_of
from provisioner.operations.models import Operation
from provisioner.operations.services import open_operation, refuse_missing
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind, Phase


@transaction.atomic
def update_runtime(
    *,
    actor: Actor,
    runtime_id: Any,
    parameters: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
    plan: str = "",
    module_settings: Mapping[str, Mapping[str, Any]] | None = None,
    expected_revision: int | None = None,
    expected_generation: int | None = None,
) -> tuple[Runtime, Operation | None]:
    """Return the runtime and the operation that fulfils its new wish, or None when nothing needs to be done.

    Each top-level parameter given replaces the old one; labels are replaced as a whole; `plan` moves it to another plan of the
    same provider, as far as its size and place fit there; `module_settings` replaces those of the modules that it names.
    `expected_revision` guards the row as a
    whole, `expected_generation` only what is to be built. A suspended runtime's new wish is kept, and comes true when it is
    resumed. Raises Refused.
    """
    if labels is not None:
        check_labels(labels)
    runtime = locked_runtime(
        actor=actor, permission=Permission.UPDATE, runtime_id=runtime_id, revision=expected_revision
    )
    _refuse_unchangeable(runtime, expected_generation)
    moves = plan not in {"", runtime.plan_id}
    wishes = parameters or moves or module_settings
    wished = _wish(runtime, parameters or {}, plan, module_settings or {}) if wishes else {}
    changes = _relabel(runtime, labels) | wished
    if not changes:
        return runtime, None
    write(runtime, "labels", "plan_id", "spec", "cluster_spec", "generation", *QUOTA_COLUMNS)
    begins = "parameters" in changes and not runtime.suspended_for
    operation = open_operation(actor=actor, runtime=runtime, kind=Kind.UPDATE) if begins else None
    audit.record(
        "runtime.update",
        actor=actor,
        tenant_id=runtime.tenant_id,
        target_type="runtime",
        target_id=runtime.id,
        changes=changes,
    )
    return runtime, operation


def _refuse_unchangeable(runtime: Runtime, expected_generation: int | None) -> None:
    if expected_generation is not None and expected_generation != runtime.generation:
        raise stale(runtime)
    refuse_suspended(runtime.tenant, runtime.account)
    if Operation.objects.filter(runtime=runtime, kind=Kind.DEPROVISION, slot__isnull=False).exists():
        detail = f"Runtime {runtime.name} is being deleted; it can't be changed any more."
        raise Refused("runtime_deprovisioning", detail, status=409)


def _relabel(runtime: Runtime, labels: Mapping[str, str] | None) -> dict[str, Any]:
    """Write the labels onto the row in memory and return what changed."""
    if labels is None or dict(labels) == runtime.labels:
        return {}
    before, runtime.labels = runtime.labels, dict(labels)
    return {"labels": {"before": before, "after": runtime.labels}}


def _wish(
    runtime: Runtime, parameters: Mapping[str, Any], plan: str, settings: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Write the new wish onto the row in memory and return what changed; the same wish again changes nothing."""
    refuse_missing(runtime)
    present = load_plan_facts(runtime.plan_id)
    facts = load_plan_facts(plan) if plan else present
    before = runtime.spec["parameters"]
    moves = facts.key != present.key
    if moves:
        wanted = check_plan_change(present, facts, before, parameters, seed=str(runtime.id))
    else:
        wanted = check_update(facts, before, parameters, seed=str(runtime.id))
    after = wanted.as_json()
    same = (
        not moves and after == before and runtime.phase != Phase.FAILED and _is_or_will_be_fulfilled(runtime)
    )
    if same and not settings:
        return {}
    release = _release(runtime, before["channel"], wanted.channel)
    stays = release.key == runtime.spec["release"]["key"]
    modules = module_wishes(
        parameters=wanted,
        release=release,
        channels=snapshot().releases,
        before=runtime.cluster_spec,
        keep_versions=stays,
        settings=settings,
    )
    if same and [asdict(wish) for wish in modules] == runtime.cluster_spec.get("modules"):
        return {}
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
    if stays:
        cluster = with_versions_of(cluster, runtime.cluster_spec)
    runtime.spec = {**runtime.spec, "parameters": after, "release": release_as_json(release)}
    runtime.cluster_spec = cluster.as_json()
    _grow(runtime, facts, moves=moves)
    runtime.generation += 1
    runtime.plan_id = facts.key
    moved = {"plan": {"before": present.key, "after": facts.key}} if moves else {}
    configured = {"module_settings": dict(settings)} if settings else {}
    return {**moved, **configured, "parameters": _difference(before, after)}


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


def _is_or_will_be_fulfilled(runtime: Runtime) -> bool:
    """Whether the newest wish came true or is on its way; one whose operation was cancelled is neither."""
    if runtime.observed_generation >= runtime.generation or runtime.suspended_for:
        return True
    return Operation.objects.filter(runtime=runtime, slot__isnull=False).exists()
