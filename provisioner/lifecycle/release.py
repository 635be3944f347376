"""Which release a runtime gets, and how it is kept. Only an upgrade moves a runtime to a newer release of its channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from controlplane.catalog.channels import release_for
from controlplane.catalog.plans import ReleaseFacts
from controlplane.kernel.errors import Refused
from provisioner.runtimes.spec import ClusterSpec


def as_json(release: ReleaseFacts) -> dict[str, Any]:
    """Return what `Runtime.spec` keeps of a release."""
    return {
        "key": release.key,
        "kubernetes": release.kubernetes_patch,
        "machine_image": dict(release.machine_image),
        "modules": dict(release.modules),
    }


def from_json(kept: Mapping[str, Any]) -> ReleaseFacts:
    """Return the release that `as_json` wrote."""
    return ReleaseFacts(
        key=kept["key"],
        kubernetes_version=".".join(kept["kubernetes"].split(".")[:2]),
        kubernetes_patch=kept["kubernetes"],
        machine_image=kept["machine_image"],
        modules=kept["modules"],
    )


def release_after(kept: Mapping[str, Any], *, channel_before: str, channel: str) -> ReleaseFacts:
    """Return the release of a changed wish: the one it has, unless it changes its channel.

    Raises Refused when the other channel's Kubernetes is older, or more than one minor version newer: landscapes go up only,
    and one minor at a time.
    """
    present = from_json(kept)
    if channel == channel_before:
        return present
    wanted = release_for(channel)
    before, after = _numbers(present.kubernetes_patch), _numbers(wanted.kubernetes_patch)
    field = "parameters.channel"
    if after < before:
        raise Refused(
            "channel_downgrade",
            f"Channel {channel} has Kubernetes {wanted.kubernetes_patch}, this runtime {present.kubernetes_patch}, and versions "
            "never go down; change the channel once it has caught up.",
            field=field,
        )
    if after[1] - before[1] > 1:
        raise Refused(
            "channel_skips_a_minor",
            f"Channel {channel} has Kubernetes {wanted.kubernetes_patch}, this runtime {present.kubernetes_patch}; "
            "it must be upgraded to the minor version between them first.",
            field=field,
        )
    return wanted


def with_versions_of(cluster: ClusterSpec, before: Mapping[str, Any]) -> ClusterSpec:
    """Return the cluster with the versions of an earlier wish: how far an upgrade has come is the upgrade's to say."""
    kept = ("kubernetes_version", "workers_version", "machine_image")
    return replace(cluster, **{name: before[name] for name in kept if name in before})


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
