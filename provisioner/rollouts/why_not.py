"""Why a runtime is not upgraded, and who is left behind: one chain of stored reasons, from the rollout down to the target."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.catalog.facts import snapshot
from controlplane.catalog.hops import numbers, order_of
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.isolation.prepared import rows
from provisioner.rollouts import reading_queries
from provisioner.rollouts.heralding import IN_ITS_TURN, when_it_comes
from provisioner.rollouts.members import ahead_of
from provisioner.rollouts.permitted import may_read, the_rollout
from provisioner.runtimes.counting import by, fleet_standing
from provisioner.runtimes.models import Runtime

MOST = 200
SHOWN = 5  # rollouts, of one runtime
FIRST = UUID(int=0)
DONE = frozenset({"succeeded", "gone"})
# What a tenant is told of a target that has had its turn, or has it now; why is the platform's own business, or its operation's.
HAD = {
    "starting": "is about to begin",
    "running": "is under way",
    "failed": "did not succeed: its operation says why",
    "skipped": "was left out",
    "left_behind": "ended without it",
}
# What a tenant may know of a target's reason; everything else is the platform's own business.
THEIRS = frozenset(
    {
        "window",
        "excluded",
        "window_never_opens",
        "runtime_pinned",
        "suspended",
        "busy",
        "upgrade_blocked",
        "runtime_busy",
    }
)


@dataclass(frozen=True)
class Link:
    """One reason of the chain, the rollout's first; `level` is rollout, stage, target or operation."""

    level: str
    code: str
    reason: str
    until: datetime | None = None


@dataclass(frozen=True)
class Chain:
    """What one rollout says of a runtime; no links: it is done."""

    rollout_id: UUID
    rollout: str
    release: str
    state: str
    since: datetime
    links: Sequence[Link]
    operation_id: UUID | None


def why_not(*, actor: Actor, runtime_id: UUID) -> list[Chain]:
    """Return what the newest rollouts say of a runtime, newest first; a tenant's people see what concerns them.

    Raises Refused runtime_not_found 404.
    """
    tenant = Runtime.objects.filter(pk=runtime_id).values_list("tenant_id", flat=True).first()
    if tenant is None or not actor.may(Permission.READ, tenant_id=tenant):
        raise Refused("runtime_not_found", f"There is no runtime {runtime_id}.", status=404)
    inside = actor.sees_every_tenant and actor.may(Permission.ROLLOUT_READ)
    wanted = {"runtime": runtime_id, "most": SHOWN}
    if inside:
        return [_chain(row) for row in rows(reading_queries.OF_RUNTIME, wanted)]
    return [_for_tenant(row, runtime_id) for row in rows(reading_queries.OF_OWN_RUNTIME, wanted)]


def said_of(*, actor: Actor, runtime_id: UUID) -> list[dict[str, Any]]:
    """Return what the newest rollouts say of a runtime as reading_queries.OF_RUNTIME has it. Raises Refused forbidden 403."""
    may_read(actor)
    return rows(reading_queries.OF_RUNTIME, {"runtime": runtime_id, "most": 5})


def _chain(row: Mapping[str, Any]) -> Chain:
    links: list[Link] = []
    undone = row["state"] not in DONE
    if (
        undone
        and row["rollout_state"] in {"paused", "halted", "aborting"}
        and row["state"] not in {"failed", "skipped"}
    ):
        links.append(Link("rollout", row["rollout_state"], row["rollout_hold"]))
    if row["state"] == "planned":
        words = row["stage_hold"] or (
            f"stage {row['ahead']}" if row["ahead"] else "an earlier stage is not done"
        )
        links.append(Link("stage", row["stage_state"], words))
    elif undone:
        links.append(_of_target(row))
    return _said(row, row["rollout"], links)


def _for_tenant(row: Mapping[str, Any], runtime_id: UUID) -> Chain:
    if row["state"] in DONE:
        links = []
    elif row["state"] in HAD:
        links = [Link("rollout", row["state"], HAD[row["state"]])]
    elif row["state"] == "planned":
        when = when_it_comes(rollout_id=row["rollout_id"], runtime_id=runtime_id, now=utcnow())
        links = [Link("rollout", "rolled_out", f"comes {when}")]
    elif (told := _of_target(row)).code not in THEIRS:
        links = [Link("rollout", "rolled_out", f"comes {IN_ITS_TURN}")]
    else:
        links = [told]
    return _said(row, f"Release {row['release_key']}", links)


def _of_target(row: Mapping[str, Any]) -> Link:
    level = "operation" if row["state"] == "running" else "target"
    code = row["reason_code"] or row["state"]
    return Link(level, code, row["reason"] or row["state"], row["reason_until"])


def _said(row: Mapping[str, Any], rollout: str, links: list[Link]) -> Chain:
    return Chain(
        row["rollout_id"], rollout, row["release_key"], row["state"], row["since"], links, row["operation_id"]
    )


def why_not_groups(*, actor: Actor, rollout_id: UUID | None = None) -> list[dict[str, Any]]:
    """Return reasons over every rollout under way, or of one: code, reason, targets, first_at, last_at, rollouts.

    Those at work who are stuck or paused come first: they are few, and wait for nothing.
    """
    may_read(actor)
    wanted = {"rollout": rollout_id}
    return [*rows(reading_queries.AT_A_STAND, wanted), *rows(reading_queries.WHY_NOT_GROUPS, wanted)]


@dataclass(frozen=True)
class Version:
    """How many runtimes are on a release."""

    release: str
    runtimes: int
    kubernetes: str
    age_days: int | None  # since it was published
    end_of_life: Any  # a date, or None
    newest: bool  # a channel points to it


def version_histogram(*, actor: Actor) -> list[Version]:
    """Return the fleet by release, oldest first. Raises Refused forbidden 403."""
    may_read(actor)
    catalog, now = snapshot(), utcnow()
    pointed = {one.key for one in catalog.releases.values()}
    found = []
    for key, runtimes in by("release", fleet_standing()).items():
        release = catalog.every_release.get(key)
        published = release.published_at if release else None
        found.append(
            Version(
                key,
                runtimes,
                release.kubernetes_patch if release else "",
                (now - published).days if published else None,
                release.end_of_life if release else None,
                key in pointed,
            )
        )
    return sorted(found, key=_age)


def _age(version: Version) -> tuple[int, ...]:
    try:
        return numbers(version.release)
    except ValueError:
        return ()


def left_behind(
    *,
    actor: Actor,
    release: str = "",
    waived: bool | None = None,
    after: UUID | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Return a page of runtimes that are on no release that a channel points to, or on an older one than the channel that they
    follow, by id; see reading_queries.LEFT_BEHIND.

    Those ahead of every channel are not behind; who is pinned is not behind its channel.
    `release` narrows to those on it, `waived` to those with or without somebody who answers. Raises Refused forbidden 403.
    """
    may_read(actor)
    present = [key for key in by("release", fleet_standing()) if release in {"", key}]
    level = _level()
    wanted = {
        "releases": [key for key in present if key not in level],
        **_pairs(present, level),
        "after": after or FIRST,
        "most": min(limit, MOST),
    }
    return rows(reading_queries.LEFT_BEHIND[waived], wanted)


def behind_their_channel(*, actor: Actor) -> dict[str, int]:
    """Return how many are on a release that a channel points to, but theirs no more, by release. Raises Refused 403."""
    may_read(actor)
    pairs = _pairs(list(by("release", fleet_standing())), _level())
    return {row["release"]: row["runtimes"] for row in rows(reading_queries.BEHIND_THEIR_CHANNEL, pairs)}


def _level() -> set[str]:
    """Return the releases that a channel points to, and those ahead of every channel."""
    pointed = snapshot().releases.values()
    newest = max(pointed, key=order_of, default=None)
    return {one.key for one in pointed} | (ahead_of(newest) if newest else set())


def _pairs(present: Collection[str], level: Collection[str]) -> dict[str, list[str]]:
    """Return channels, each beside a release that another one points to and that is older than its own."""
    catalog = snapshot()
    pairs = [
        (channel, key)
        for channel, own in catalog.releases.items()
        for key in present
        if key in level
        and key in catalog.every_release
        and order_of(catalog.every_release[key]) < order_of(own)
    ]
    return {"channels": [channel for channel, _ in pairs], "olds": [key for _, key in pairs]}


def not_done(*, actor: Actor, rollout_id: UUID, limit: int = 25) -> list[dict[str, Any]]:
    """Return the first of a rollout's runtimes that it did not bring along, why, and who answers. Raises Refused 403, 404."""
    releases = _at_least(the_rollout(actor, rollout_id).release_key)
    wanted = {"rollout": rollout_id, "releases": releases, "most": min(limit, MOST)}
    return rows(reading_queries.NOT_DONE, wanted)


def open_ends(*, actor: Actor, rollout_id: UUID) -> tuple[int, int]:
    """Return how many of a rollout are not on its release, or a newer one, by now, and how many of these are waived by name.

    Raises Refused 403, 404.
    """
    releases = _at_least(the_rollout(actor, rollout_id).release_key)
    row = rows(reading_queries.OPEN_ENDS, {"rollout": rollout_id, "releases": releases})[0]
    return row["behind"], row["waived"]


def _at_least(key: str) -> list[str]:
    """Return this release and every newer one."""
    release = snapshot().every_release.get(key)
    return [key, *(ahead_of(release) if release else ())]
