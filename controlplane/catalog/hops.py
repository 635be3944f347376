"""The way from one release to another: one Kubernetes minor at a time, never down, past what must be passed. Pure.

Source of the rules: Gardener's validation of Shoots (`pkg/api/core/validation/shoot.go`): no downgrade, the control plane one
minor at a time, workers at most three minors behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from controlplane.catalog.plans import ReleaseFacts
from controlplane.kernel.errors import Refused

WORKERS_BEHIND = 3  # minors
Version = tuple[int, ...]


@dataclass(frozen=True)
class Move:
    """One thing that a landscape is asked for: control plane or workers of this Kubernetes version."""

    workers: bool  # else the control plane
    kubernetes: str


def numbers(version: str) -> Version:
    """Return 1.34.8, or a release's key, as numbers that compare; raises ValueError for anything else."""
    return tuple(int(part) for part in version.split("."))


def minor_of(version: str) -> int:
    """Return 34 for 1.34.8."""
    return numbers(version)[1]


def plan_hops(
    present: ReleaseFacts,
    target: ReleaseFacts,
    releases: Iterable[ReleaseFacts],
    *,
    today: date | None = None,
) -> tuple[ReleaseFacts, ...]:
    """Return the releases to pass in their order; the last is the target.

    `present` may run a later Kubernetes than its release names, where an upgrade broke off. Without `today`, no end of life
    counts. Raises Refused 409: release_present, release_unpublished, release_withdrawn, release_expired, release_older,
    hop_missing.
    """
    _refuse_unusable(target, today)
    if target.key == present.key:
        raise _refused("release_present", f"It is on release {target.key} already; there is nothing to do.")
    if order_of(target) < order_of(present):
        detail = (
            f"Release {target.key} has Kubernetes {target.kubernetes_patch}, which is older than the {present.kubernetes_patch} "
            f"of {present.key}, and versions never go down. Choose a newer release."
        )
        raise _refused("release_older", detail)
    known = {release.key: release for release in releases}
    waypoints = {target.key: target}
    while True:
        path = tuple(_without_gaps(present, sorted(waypoints.values(), key=order_of), known.values(), today))
        lacking = [release for hop in path for release in _required(present, hop, known, today)]
        new = {release.key: release for release in lacking if release not in path}
        if not new:
            break
        waypoints |= new
    if path[-1].key != target.key:
        detail = f"Release {target.key} requires {path[-1].key}, whose Kubernetes is newer; correct what it requires."
        raise _refused("hop_missing", detail)
    return path


def plan_moves(control_plane: str, workers: str, hops: Sequence[str]) -> tuple[Move, ...]:
    """Return what is asked of the landscape, in order, to come through these Kubernetes versions from where both stand.

    Workers are rolled once, at the end, and on the way only where they would fall too far behind.
    """
    moves = []
    for version in hops:
        if numbers(version) <= numbers(control_plane):
            continue
        if minor_of(version) - minor_of(workers) > WORKERS_BEHIND:
            workers = control_plane
            moves.append(Move(workers=True, kubernetes=workers))
        control_plane = version
        moves.append(Move(workers=False, kubernetes=version))
    if numbers(workers) < numbers(control_plane):
        moves.append(Move(workers=True, kubernetes=control_plane))
    return tuple(moves)


def is_usable(release: ReleaseFacts, today: date | None) -> bool:
    """Whether runtimes may be brought to it."""
    over = today is not None and release.end_of_life is not None and release.end_of_life <= today
    return release.published_at is not None and not release.withdrawn and not over


def _refuse_unusable(release: ReleaseFacts, today: date | None) -> None:
    if is_usable(release, today):
        return
    if release.published_at is None:
        raise _refused("release_unpublished", f"Release {release.key} is a draft; publish it first.")
    if release.withdrawn:
        detail = f"Release {release.key} was withdrawn: {release.withdrawn} Choose another release."
        raise _refused("release_withdrawn", detail)
    detail = (
        f"Release {release.key} reached its end of life on {release.end_of_life}. Choose a newer release."
    )
    raise _refused("release_expired", detail)


def _required(
    present: ReleaseFacts, hop: ReleaseFacts, known: Mapping[str, ReleaseFacts], today: date | None
) -> Iterator[ReleaseFacts]:
    """Yield what a hop requires and the runtime has not passed yet; what lies behind its Kubernetes counts as passed."""
    for key in hop.requires:
        if numbers(key) <= numbers(present.key):
            continue
        release = known.get(key)
        if release is None or not is_usable(release, today):
            why = "which the catalog does not have" if release is None else "which can't be used any more"
            detail = f"On the way to {hop.key} release {key} must be passed, {why}. Publish one that takes its place."
            raise _refused("hop_missing", detail)
        if numbers(release.kubernetes_patch) >= numbers(present.kubernetes_patch):
            yield release


def _without_gaps(
    present: ReleaseFacts,
    waypoints: Sequence[ReleaseFacts],
    known: Iterable[ReleaseFacts],
    today: date | None,
) -> Iterator[ReleaseFacts]:
    offered = [release for release in known if is_usable(release, today)]
    for before, after in pairwise([present, *waypoints]):
        for minor in range(minor_of(before.kubernetes_patch) + 1, minor_of(after.kubernetes_patch)):
            found = [release for release in offered if minor_of(release.kubernetes_patch) == minor]
            if not found:
                detail = (
                    f"From Kubernetes {before.kubernetes_patch} to {after.kubernetes_patch} the control plane has to pass "
                    f"1.{minor}, and no published release has it. Publish one, or choose a release of an earlier Kubernetes."
                )
                raise _refused("hop_missing", detail)
            yield max(found, key=order_of)
        yield after


def order_of(release: ReleaseFacts) -> tuple[Version, Version]:
    """Return what orders releases: Kubernetes first, then the key."""
    return numbers(release.kubernetes_patch), numbers(release.key)


def _refused(code: str, detail: str) -> Refused:
    return Refused(code, detail, field="release", status=409)
