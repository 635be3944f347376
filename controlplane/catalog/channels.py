"""Where each channel points."""

from __future__ import annotations

from controlplane.catalog.facts import Snapshot, snapshot
from controlplane.catalog.plans import ReleaseFacts
from controlplane.kernel.errors import Refused
from controlplane.kernel.sentences import choices, shown


def release_for(channel: str, catalog: Snapshot | None = None) -> ReleaseFacts:
    """The release that a channel points to now; raises Refused `channel_unknown`."""
    releases = (catalog or snapshot()).releases
    found = releases.get(channel)
    if found is None:
        detail = f"There is no channel {shown(channel)}. {choices(sorted(releases), channel)}"
        raise Refused("channel_unknown", detail, field="parameters.channel")
    return found
