"""What a runtime may be brought to and why not to the rest, and what its last upgrade changed. Reads rows, asks no landscape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from controlplane.catalog.facts import Snapshot, snapshot
from controlplane.catalog.hops import order_of
from controlplane.catalog.plans import ReleaseFacts
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from provisioner.lifecycle.upgrade_way import present_release, way_to
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind


@dataclass(frozen=True)
class Offer:
    """A newer release, with the releases passed on the way, or the refusal."""

    release: ReleaseFacts
    hops: tuple[str, ...] = ()
    refusal: Refused | None = None
    channels: tuple[str, ...] = ()  # that point to it


@dataclass(frozen=True)
class Standing:
    """Where a runtime stands among releases."""

    present: ReleaseFacts
    channel: str
    wanted: str  # its channel's release, or what it is pinned to; empty where its channel is gone
    pinned: str
    ends_on: date | None
    offers: tuple[Offer, ...]
    last: Operation | None  # its newest upgrade

    @property
    def report(self) -> Mapping[str, Any]:
        """What the newest upgrade left: see `steps.conclude_upgrade.report_of`; empty before its end."""
        return self.last.kept.get("report") or {} if self.last else {}

    @property
    def next(self) -> Offer | None:
        """What it would be upgraded to now, if that is another release than the one that it runs."""
        return next((offer for offer in self.offers if offer.release.key == self.wanted), None)


def standing_of(runtime: Runtime) -> Standing:
    """Return where it stands; two statements beside the catalog's cache."""
    catalog, today = snapshot(), utcnow().date()
    kept = present_release(runtime)
    known = catalog.every_release.get(kept.key)
    present = replace(known, kubernetes_patch=kept.kubernetes_patch) if known else kept
    newer = [
        release
        for release in catalog.every_release.values()
        if release.published_at is not None and order_of(release) > order_of(kept) and release.key != kept.key
    ]
    of_channel = catalog.releases.get(runtime.channel)
    rows = Operation.objects.filter(runtime=runtime, kind=Kind.UPGRADE).order_by("-id")
    offers = [_offer(runtime, release, catalog) for release in sorted(newer, key=order_of)]
    return Standing(
        present=present,
        channel=runtime.channel,
        wanted=runtime.pinned or (of_channel.key if of_channel else ""),
        pinned=runtime.pinned,
        ends_on=present.end_of_life if present.end_of_life and present.end_of_life >= today else None,
        offers=tuple(offer for offer in offers if _is_worth_showing(offer)),
        last=rows.first(),
    )


def _offer(runtime: Runtime, release: ReleaseFacts, catalog: Snapshot) -> Offer:
    pointing = tuple(sorted(key for key, one in catalog.releases.items() if one.key == release.key))
    try:
        hops: Sequence[ReleaseFacts] = way_to(runtime, release, catalog=catalog)
    except Refused as refused:
        return Offer(release, refusal=refused, channels=pointing)
    return Offer(release, hops=tuple(hop.key for hop in hops), channels=pointing)


def _is_worth_showing(offer: Offer) -> bool:
    over = {"release_withdrawn", "release_expired", "release_older"}
    return offer.refusal is None or offer.refusal.code not in over
