"""Gives free places to those who are ready, within every limit; who can't take one says why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from controlplane.tenants.isolation.prepared import rows
from provisioner.rollouts import queries
from provisioner.rollouts.budget import Places, choose
from provisioner.rollouts.facts import Facts
from provisioner.rollouts.models import Rollout
from provisioner.rollouts.pacing import Bucket
from provisioner.rollouts.promoting import hold
from provisioner.rollouts.states import TargetState
from provisioner.runtimes.phases import Phase

MOST = 500  # starts decided in one look
SPARE = 20  # looked at behind the free places, for those in front that can't take one
BUSY_AGAIN, BLOCKED_AGAIN = timedelta(seconds=20), timedelta(minutes=10)


def dispatch(facts: Facts, now: datetime) -> int:
    """Return how many were given a place."""
    bucket = _bucket(facts, now)
    most = bucket.whole(MOST)
    begun = {key: one for key, one in facts.lanes.items() if one.begun}
    places = Places([one.lane for one in facts.lanes.values()], facts.limits)
    free = {key: min(places.free(one.lane), most, one.ready) for key, one in begun.items() if one.ready}
    wanted = {key: count + SPARE for key, count in free.items() if count}
    if not wanted:
        return 0
    found = rows(
        queries.CANDIDATES,
        {
            "lanes": list(wanted),
            "most": list(wanted.values()),
            "release": facts.release,
            "urgent": facts.urgent,
        },
    )
    kept_back = {row["id"]: why for row in found if (why := keeps_back(row, facts.release, now))}
    hold(kept_back.values(), now)
    fit = [(row["id"], row["lane_id"]) for row in found if row["id"] not in kept_back]
    chosen = choose(places, {key: one.lane for key, one in begun.items()}, fit, most)
    if chosen:
        rows(queries.CLAIM, {"ids": chosen, "now": now})
        _keep(facts, bucket.taken(len(chosen)))
    return len(chosen)


def keeps_back(row: Mapping[str, Any], release: str, now: datetime) -> dict[str, Any] | None:
    """Return what keeps a candidate from its place, or None; in the order in which a person would want to know."""
    state, code, reason, again = TargetState.WAITING, "", "", BUSY_AGAIN
    if row["phase"] == Phase.DEPROVISIONED:
        state, code, reason = TargetState.GONE, "gone", "deleted"
    elif row["release_key"] == release and not row["busy"]:
        state, code, reason = TargetState.SUCCEEDED, "already", "was on this release already"
    elif row["phase"] == Phase.DEPROVISIONING or row["busy"] == "deprovision":
        code, reason = "busy", "is being deleted"
    elif row["suspended"] or row["phase"] in {Phase.SUSPENDED, Phase.SUSPENDING}:
        state, code, reason = TargetState.BLOCKED, "suspended", "suspended: resume it, or skip it"
        again = BLOCKED_AGAIN
    elif row["rival"]:
        code, reason = "other_rollout", f"rollout {row['rival']} upgrades it now"
    elif row["urgent_rival"]:
        code, reason = "urgent_rollout", f"urgent rollout {row['urgent_rival']} goes first"
    elif row["busy"]:
        code, reason = "busy", f"another operation is under way: {row['busy']}"
    elif row["closes_at"] is not None and row["closes_at"] <= now:
        code, reason, again = "window", "its maintenance window has closed", timedelta()
    else:
        return None
    due = now + again if state in {TargetState.WAITING, TargetState.BLOCKED} else None
    return {
        "id": row["id"], "state": state.value, "code": code, "reason": reason[:500], "due": due, "until": None
    }  # fmt: skip


def _bucket(facts: Facts, now: datetime) -> Bucket:
    row = facts.row
    made = Bucket(
        facts.plan.get("starts_per_minute"),
        int(facts.plan.get("burst") or 1),
        row["tokens"],
        row["tokens_at"] or now,
    )
    return made.filled(now)


def _keep(facts: Facts, bucket: Bucket) -> None:
    if bucket.per_minute is not None:
        Rollout.objects.filter(pk=facts.id).update(tokens=bucket.tokens, tokens_at=bucket.at)
