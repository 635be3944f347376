"""What SREs do with releases: publish, withdraw, and point a channel at one; each leaves an audit row."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from controlplane.catalog.facts import snapshot
from controlplane.catalog.hops import is_usable, order_of
from controlplane.catalog.loading.on_disk import refuse_changed
from controlplane.catalog.models import Channel, Release, Revision
from controlplane.catalog.plans import ReleaseFacts
from controlplane.catalog.queries import lock_apply
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.kernel.sentences import choices, shown
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission


def releases_for(actor: Actor) -> list[ReleaseFacts]:
    """Return the releases that somebody may see, newest first: drafts are for those who publish them."""
    every = snapshot().every_release.values()
    seen = [one for one in every if one.published_at is not None or actor.may(Permission.RELEASE_MANAGE)]
    return sorted(seen, key=order_of, reverse=True)


def release_for_actor(actor: Actor, key: str) -> ReleaseFacts:
    """Return the release as somebody may see it; raises Refused 404 (release_not_found) with what there is to see."""
    seen = {one.key: one for one in releases_for(actor)}
    if key not in seen:
        detail = f"There is no release {shown(key)}. {choices(list(seen), key)}"
        raise Refused("release_not_found", detail, status=404)
    return seen[key]


def channel_named(key: str) -> ReleaseFacts:
    """Return the release that a channel points to; raises Refused 404 (channel_not_found)."""
    channels = snapshot().releases
    if key not in channels:
        detail = f"There is no channel {shown(key)}. {choices(sorted(channels), key)}"
        raise Refused("channel_not_found", detail, status=404)
    return channels[key]


@transaction.atomic
def publish_release(*, actor: Actor, key: str) -> ReleaseFacts:
    """Publish a draft: from now on it never changes.

    Raises Refused 409 release_published, release_expired, release_changed_on_disk.
    """
    _require(actor)
    lock_apply()
    release = release_for_actor(actor, key)
    today = utcnow().date()
    if release.end_of_life is not None and release.end_of_life <= today:
        detail = f"Release {key} reached its end of life on {release.end_of_life}; publish a newer one."
        raise Refused("release_expired", detail, status=409)
    if release.published_at is None:
        refuse_changed(key)
    rows = Release.objects.filter(pk=key, published_at__isnull=True)
    if rows.update(published_at=utcnow(), published_by=actor.name[:200]) != 1:
        raise Refused("release_published", f"Release {key} is published already.", status=409)
    return _done(actor, "release.publish", "release", key, {"kubernetes": release.kubernetes_patch})


@transaction.atomic
def withdraw_release(*, actor: Actor, key: str, reason: str) -> ReleaseFacts:
    """Bring nobody to it any more; who runs it stays. Raises Refused 409 release_withdrawn, release_unpublished,
    channel_points_there; 422 reason_missing.
    """
    _require(actor)
    lock_apply()
    release = release_for_actor(actor, key)
    said = " ".join(reason.split())
    if not said:
        raise Refused("reason_missing", "Say in a sentence why it is withdrawn.", field="reason")
    if release.published_at is None:
        detail = f"Release {key} is a draft; nobody is brought to it anyway."
        raise Refused("release_unpublished", detail, status=409)
    if pointing := sorted(Channel.objects.filter(release_id=key).values_list("key", flat=True)):
        detail = f"Channel {', '.join(pointing)} points to release {key}; point it to another release first."
        raise Refused("channel_points_there", detail, status=409)
    sentence = said[:299].rstrip(".") + "."
    rows = Release.objects.filter(pk=key, withdrawn_at__isnull=True)
    if rows.update(withdrawn_at=utcnow(), withdrawn_reason=sentence) != 1:
        raise Refused("release_withdrawn", f"Release {key} is withdrawn already.", status=409)
    return _done(actor, "release.withdraw", "release", key, {"reason": said})


@transaction.atomic
def point_channel(*, actor: Actor, key: str, release: str) -> ReleaseFacts:
    """Let a channel lead to another release; runtimes that follow it are brought there by a rollout, not by this.

    Raises Refused: channel_not_found 404; release_not_found 404; 409 release_unusable, module_missing.
    """
    _require(actor)
    lock_apply()
    before = channel_named(key).key
    wanted = release_for_actor(actor, release)
    _refuse_unusable(wanted)
    if before != wanted.key:
        Channel.objects.filter(pk=key).update(release_id=wanted.key)
        changes = {"release": {"before": before, "after": wanted.key}}
        _done(actor, "channel.point", "channel", key, changes)
    return wanted


def _refuse_unusable(release: ReleaseFacts) -> None:
    if not is_usable(release, utcnow().date()):
        state = "a draft" if release.published_at is None else "withdrawn" if release.withdrawn else "expired"
        detail = (
            f"Release {release.key} is {state}; point the channel to one that runtimes may be brought to."
        )
        raise Refused("release_unusable", detail, field="release", status=409)
    lacking = {
        name
        for plan in snapshot().plans.values()
        if plan.state == "active"
        for name in set(plan.default_modules) - set(release.modules)
    }
    if lacking:
        detail = f"Release {release.key} lacks {', '.join(sorted(lacking))}, which plans have by default; choose another release."
        raise Refused("module_missing", detail, field="release", status=409)


def _require(actor: Actor) -> None:
    if not actor.may(Permission.RELEASE_MANAGE):
        detail = "Only the platform's SREs publish and withdraw releases and point channels."
        raise Refused("forbidden", detail, status=403)


def _done(actor: Actor, action: str, kind: str, key: str, changes: dict[str, Any]) -> ReleaseFacts:
    """Begin a new revision, which every process's cache is keyed by, and leave the audit row."""
    listed = [{"kind": kind, "key": key, "action": "change"}]
    Revision.objects.create(applied_at=utcnow(), applied_by=actor.name[:200], changes=listed)
    audit.record(action, actor=actor, tenant_id=None, target_type=kind, target_id=key, changes=changes)
    now = snapshot()
    return now.every_release.get(key) or now.releases[key]
