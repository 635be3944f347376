"""Bring a runtime to a release: over as many hops as it takes, one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import transaction

from controlplane.catalog.facts import Snapshot, snapshot
from controlplane.catalog.hops import numbers, plan_hops
from controlplane.catalog.plans import ReleaseFacts
from controlplane.catalog.sentences import choices, shown
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.suspension import refuse_suspended
from provisioner.lifecycle import ports
from provisioner.lifecycle.admission import locked_runtime, write
from provisioner.lifecycle.release import as_json, from_json
from provisioner.operations.models import Operation
from provisioner.operations.moves import Slot
from provisioner.operations.services import open_operation, refuse_missing
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind, Phase


@transaction.atomic
def upgrade_runtime(
    *,
    actor: Actor,
    runtime_id: UUID,
    release: str = "",
    target_id: UUID | None = None,
    urgent: bool = False,
    expected_revision: int | None = None,
) -> Operation:
    """Return the operation that brings the runtime to a release (its channel's, unless named), or the one that does already.

    `target_id` is the rollout's target, kept in the operation's input. `urgent` goes behind what is under way instead of being
    refused, and past a pin; the platform's to say. Raises Refused: runtime_not_found 404, forbidden 403, release_unknown 422,
    and 409 runtime_busy, runtime_pinned, runtime_not_upgradable, plan_unsupported, upgrade_blocked, or as `plan_hops` does.
    """
    runtime = locked_runtime(
        actor=actor, permission=Permission.UPGRADE, runtime_id=runtime_id, revision=expected_revision
    )
    refuse_suspended(runtime.tenant, runtime.account)
    catalog = snapshot()
    wanted = release_named(release or _of_channel(runtime, catalog), catalog)
    if (under_way := _under_way(runtime, wanted, urgent=urgent)) is not None:
        return under_way
    hops = way_to(runtime, wanted, pinned=not urgent, catalog=catalog)
    runtime.generation += 1
    write(runtime, "generation")
    given: dict[str, Any] = {
        "release": wanted.key,
        "before": runtime.spec["release"],
        "hops": [as_json(hop) for hop in hops],
        "phase": runtime.phase,
        "target_id": str(target_id) if target_id else None,
        "urgent": urgent,
    }
    operation = open_operation(actor=actor, runtime=runtime, kind=Kind.UPGRADE, input=given)
    _audit(actor, runtime, given)
    return operation


def _audit(actor: Actor, runtime: Runtime, given: Mapping[str, Any]) -> None:
    audit.record(
        "runtime.upgrade",
        actor=actor,
        tenant_id=runtime.tenant_id,
        target_type="runtime",
        target_id=runtime.id,
        changes={
            "name": runtime.name,
            "release": {"before": given["before"]["key"], "after": given["release"]},
            "hops": [hop["key"] for hop in given["hops"]],
            **({"rollout_target": given["target_id"]} if given["target_id"] else {}),
        },
    )


def release_named(key: str, catalog: Snapshot | None = None) -> ReleaseFacts:
    """Return the release; raises Refused 422 (release_unknown) with what there is."""
    releases = (catalog or snapshot()).every_release
    found = releases.get(key)
    if found is None:
        known = [one.key for one in releases.values() if one.published_at and not one.withdrawn]
        detail = f"There is no release {shown(key)}. {choices(sorted(known, key=numbers, reverse=True), key)}"
        raise Refused("release_unknown", detail, field="release")
    return found


def way_to(
    runtime: Runtime, wanted: ReleaseFacts, *, pinned: bool = True, catalog: Snapshot | None = None
) -> Sequence[ReleaseFacts]:
    """Return the hops that bring the runtime to the release; asks no landscape, so a preview may ask it of thousands.

    Whoever asks several times takes one `snapshot()` and hands it on. Raises Refused as `upgrade_runtime` does, but for what is
    under way.
    """
    _refuse_state(runtime)
    today = utcnow().date()
    catalog = catalog or snapshot()
    present = present_release(runtime)
    hops = plan_hops(present, wanted, catalog.every_release.values(), today=today)
    _refuse_unsupported(runtime, wanted)
    if pinned and runtime.pinned and runtime.pinned != wanted.key:
        end = getattr(catalog.every_release.get(runtime.pinned), "end_of_life", None)
        if end is None or end > today:
            until = f", until {end}," if end else ""
            held = f"Runtime {runtime.name} is pinned to release {runtime.pinned}{until} by its own people;"
            detail = f"{held} take the pin away first."
            raise Refused("runtime_pinned", detail, status=409)
    if blockers := [blocker for ask in ports.preflight for blocker in ask(runtime, wanted)]:
        raise Refused("upgrade_blocked", " ".join(blocker.detail for blocker in blockers[:3]), status=409)
    return hops


def present_release(runtime: Runtime) -> ReleaseFacts:
    """Return what the runtime runs: its release, with the Kubernetes version that a broken-off upgrade has reached."""
    kept = from_json(runtime.spec["release"])
    reached = str(runtime.cluster_spec.get("kubernetes_version") or "")
    exact = reached.count(".") > 1
    if not exact or numbers(reached) <= numbers(kept.kubernetes_patch):
        return kept
    return replace(kept, kubernetes_patch=reached, kubernetes_version=reached.rpartition(".")[0])


def _of_channel(runtime: Runtime, catalog: Snapshot) -> str:
    channel = str(runtime.spec["parameters"].get("channel", ""))
    found = catalog.releases.get(channel)
    if found is None:
        detail = f"Runtime {runtime.name} follows no channel that there is; name a release."
        raise Refused("release_unknown", detail, field="release")
    return found.key


def _under_way(runtime: Runtime, wanted: ReleaseFacts, *, urgent: bool) -> Operation | None:
    """Return the open operation that brings it there; raises Refused 409 (runtime_busy) while another one is open."""
    rows = Operation.objects.filter(runtime=runtime, slot__isnull=False).order_by("id")
    open_now: dict[str, Operation] = {operation.slot: operation for operation in rows}
    for operation in open_now.values():
        if operation.kind == Kind.UPGRADE and operation.input.get("release") == wanted.key:
            operation.runtime = runtime
            return operation
    if not open_now or (urgent and Slot.NEXT not in open_now):
        return None
    busy = next(iter(open_now.values()))
    detail = f"Runtime {runtime.name} is busy: its {busy.kind} is {busy.state}. Wait until that has ended, or cancel it."
    raise Refused("runtime_busy", detail, status=409)


def _refuse_state(runtime: Runtime) -> None:
    refuse_missing(runtime)
    resting = runtime.cluster_spec.get("hibernated") or runtime.cluster_spec.get("destroyed")
    if resting or runtime.suspended_for:
        detail = f"Runtime {runtime.name} is suspended; resume it, then upgrade it."
        raise Refused("runtime_not_upgradable", detail, status=409)
    if runtime.observed_generation == 0:
        detail = f"Runtime {runtime.name} was never ready; let it be built first, or delete it."
        raise Refused("runtime_not_upgradable", detail, status=409)
    if runtime.phase == Phase.DEPROVISIONING:
        detail = f"Runtime {runtime.name} is being deleted; it can't be upgraded any more."
        raise Refused("runtime_deprovisioning", detail, status=409)


def _refuse_unsupported(runtime: Runtime, wanted: ReleaseFacts) -> None:
    offered = set(wanted.machine_image["architectures"])
    lacking = sorted({pool["architecture"] for pool in runtime.cluster_spec["pools"]} - offered)
    if lacking:
        detail = (
            f"Release {wanted.key} has no machine image for {', '.join(lacking)}, which nodes of {runtime.name} need. Choose "
            "another release, or other machine types."
        )
        raise Refused("plan_unsupported", detail, field="release", status=409)
