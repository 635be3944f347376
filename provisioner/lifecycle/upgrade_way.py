"""Which way a runtime would go to a release, and what keeps it from there; asks rows only, no landscape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from controlplane.catalog.facts import Snapshot, snapshot
from controlplane.catalog.hops import numbers, plan_hops
from controlplane.catalog.plans import ReleaseFacts
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.kernel.sentences import choices, shown
from provisioner.lifecycle import ports
from provisioner.lifecycle.ports import Blocker
from provisioner.lifecycle.release import from_json
from provisioner.operations.services import refuse_missing
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Phase


def release_named(key: str, catalog: Snapshot | None = None) -> ReleaseFacts:
    """Return the release; raises Refused 422 (release_unknown) with what there is."""
    releases = (catalog or snapshot()).every_release
    found = releases.get(key)
    if found is None:
        known = [one.key for one in releases.values() if one.published_at and not one.withdrawn]
        detail = f"There is no release {shown(key)}. {choices(sorted(known, key=numbers, reverse=True), key)}"
        raise Refused("release_unknown", detail, field="release")
    return found


def release_of_channel(runtime: Runtime, catalog: Snapshot) -> str:
    """Return the key of the release that the runtime's channel points to; raises Refused 422 (release_unknown)."""
    channel = str(runtime.spec["parameters"].get("channel", ""))
    found = catalog.releases.get(channel)
    if found is None:
        detail = f"Runtime {runtime.name} follows no channel that there is; name a release."
        raise Refused("release_unknown", detail, field="release")
    return found.key


def way_to(
    runtime: Runtime, wanted: ReleaseFacts, *, pinned: bool = True, catalog: Snapshot | None = None
) -> Sequence[ReleaseFacts]:
    """Return the hops that bring the runtime to the release, if nothing blocks it.

    Whoever asks several times takes one `snapshot()` and hands it on. Raises Refused as `upgrade_runtime` does, but for what is
    under way.
    """
    hops = hops_to(runtime, wanted, pinned=pinned, catalog=catalog or snapshot())
    refuse_blocked(blockers_of([runtime.pk], wanted).get(runtime.pk, ()))
    return hops


def hops_to(
    runtime: Runtime, wanted: ReleaseFacts, *, pinned: bool, catalog: Snapshot
) -> Sequence[ReleaseFacts]:
    """Return the hops, whatever the rooms above object: `blockers_of` asks them for many runtimes at once. Raises Refused."""
    _refuse_state(runtime)
    today = utcnow().date()
    hops = plan_hops(present_release(runtime), wanted, catalog.every_release.values(), today=today)
    _refuse_unsupported(runtime, wanted)
    if pinned and runtime.pinned and runtime.pinned != wanted.key:
        end = getattr(catalog.every_release.get(runtime.pinned), "end_of_life", None)
        if end is None or end > today:
            until = f", until {end}," if end else ""
            held = f"Runtime {runtime.name} is pinned to release {runtime.pinned}{until} by its own people;"
            detail = f"{held} take the pin away first."
            raise Refused("runtime_pinned", detail, status=409)
    return hops


def blockers_of(runtimes: Sequence[UUID], wanted: ReleaseFacts) -> Mapping[UUID, Sequence[Blocker]]:
    """Return what keeps each of these runtimes from the release, where something does: a few statements for all of them."""
    found: dict[UUID, list[Blocker]] = {}
    for ask in ports.preflight if runtimes else ():
        for key, blockers in ask(runtimes, wanted).items():
            found.setdefault(key, []).extend(blockers)
    return found


def refuse_blocked(blockers: Sequence[Blocker]) -> None:
    """Raise Refused 409 (upgrade_blocked) with the first three, where there are any."""
    if blockers:
        raise Refused("upgrade_blocked", " ".join(one.detail for one in blockers[:3]), status=409)


def present_release(runtime: Runtime) -> ReleaseFacts:
    """Return what the runtime runs: its release, with the Kubernetes version that a broken-off upgrade has reached."""
    kept = from_json(runtime.spec["release"])
    reached = str(runtime.cluster_spec.get("kubernetes_version") or "")
    exact = reached.count(".") > 1
    if not exact or numbers(reached) <= numbers(kept.kubernetes_patch):
        return kept
    return replace(kept, kubernetes_patch=reached, kubernetes_version=reached.rpartition(".")[0])


def _refuse_state(runtime: Runtime) -> None:
    refuse_missing(runtime)
    resting = runtime.cluster_spec.get("hibernated") or runtime.cluster_spec.get("destroyed")
    if resting or runtime.suspended_for:
        detail = f"Runtime {runtime.name} is suspended; resume it, then upgrade it."
        raise Refused("runtime_not_upgradable", detail, status=409)
    if not runtime.was_ready:
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
