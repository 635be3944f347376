"""Rollouts as the API writes them: the list's lines, and one rollout with its stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controlplane.api.links import rollout_url
from controlplane.api.shapes.base import (
    COUNT,
    FREE,
    ID,
    MAYBE_MOMENT,
    MAYBE_TEXT,
    MOMENT,
    PERCENT,
    TEXT,
    URL,
    Shape,
    maybe,
    page_of,
    record,
    several,
    words,
)
from controlplane.kernel.clock import rfc3339
from provisioner.rollouts.estimate import Estimate
from provisioner.rollouts.models import Gate, HealthPoint, Rollout, Tally
from provisioner.rollouts.reading import Listed, RolloutView, StageView
from provisioner.rollouts.states import RolloutState, StageState

STATES = [state.value for state in RolloutState]
COLUMNS = {
    "planned": "planned",
    "waiting": "waiting",
    "blocked": "blocked",
    "ready": "ready",
    "running": "active",
    "succeeded": "succeeded",
    "failed": "failed",
    "skipped": "skipped",
    "left_behind": "left_behind",
    "gone": "gone",
}  # names here: columns of a lane
DONE = ("succeeded", "failed", "skipped", "left_behind", "gone")
COUNTS = record(
    {**dict.fromkeys(COLUMNS, COUNT), "blamed": COUNT, "total": COUNT},
    description="Targets by state; `running` holds those that are being started, `blamed` is what of `failed` burns the budget.",
)
FINISH = record({"low": MOMENT, "likely": MOMENT, "high": MOMENT, "bound_by": TEXT})
_SHORT: Mapping[str, Any] = {
    "id": ID,
    "url": URL,
    "name": TEXT,
    "release": TEXT,
    "selector": TEXT,
    "state": words(STATES),
    "reason": {**TEXT, "description": "Why nothing begins, or empty."},
    "urgent": {"type": "boolean"},
    "overlap": {"type": "boolean"},
    "priority": {"type": "integer"},
    "created_by": TEXT,
    "created_at": MOMENT,
    "started_at": MAYBE_MOMENT,
    "closed_at": {
        **MAYBE_MOMENT,
        "description": "Somebody closed it: what runs may end, and nothing else begins.",
    },
    "finished_at": MAYBE_MOMENT,
    "progress": PERCENT,
    "counts": COUNTS,
}
ROLLOUT_SHORT = Shape("RolloutShort", record(_SHORT, description="A rollout as a list shows it."))
ROLLOUT_LIST = page_of(ROLLOUT_SHORT)
GATE = record(
    {
        "id": TEXT,
        "kind": TEXT,
        "where": words(("before", "after"), "The stage."),
        "state": words(("pending", "waiting", "open"), "pending: its turn has not come, or comes no more."),
        "reason": TEXT,
        "settings": FREE,
        "approvals": several(record({"by": TEXT, "at": MOMENT, "note": TEXT})),
        "opens_at": {**MAYBE_MOMENT, "description": "When it opens, or is looked at again; null: not known."},
        "opened_at": MAYBE_MOMENT,
        "opened_by": {**MAYBE_TEXT, "description": "Who forced it, or null."},
    }
)
STAGE = record(
    {
        "position": COUNT,
        "name": TEXT,
        "state": words([state.value for state in StageState]),
        "reason": TEXT,
        "progress": PERCENT,
        "counts": COUNTS,
        "max_concurrency": {"type": ["integer", "null"]},
        "max_failures": {"type": ["integer", "null"]},
        "started_at": MAYBE_MOMENT,
        "finished_at": MAYBE_MOMENT,
        "gates": several(GATE),
    }
)
ROLLOUT = Shape(
    "Rollout",
    record(
        {
            **_SHORT,
            "plan": {**FREE, "description": "As it was asked for; from the start on with every default."},
            "finish": {
                **maybe(FINISH),
                "description": "When it will be done, while it runs; null while it stands still.",
            },
            "stages": several(STAGE),
            "burn": several(record({"scope": TEXT, "failed": COUNT, "allowed": COUNT})),
            "places": several(record({"landscape": TEXT, "region": TEXT, "counts": COUNTS})),
            "errors": several(
                record(
                    {
                        "signature": TEXT,
                        "message": TEXT,
                        "count": COUNT,
                        "first_at": MOMENT,
                        "last_at": MOMENT,
                    }
                )
            ),
            "reasons": several(
                record({"state": TEXT, "code": TEXT, "reason": TEXT, "count": COUNT, "first_at": MOMENT})
            ),
            "health": several(
                record(
                    {
                        "at": MOMENT,
                        "upgraded": COUNT,
                        "upgraded_unhealthy": COUNT,
                        "others": COUNT,
                        "others_unhealthy": COUNT,
                    }
                )
            ),
        },
        description="A rollout with its stages, what failed by cause, and why others are not done.",
    ),
)


def counts_json(row: Mapping[str, Any]) -> dict[str, int]:
    """Return a lane's columns by the names of the API."""
    found = {name: int(row.get(column) or 0) for name, column in COLUMNS.items()}
    return {**found, "blamed": int(row.get("blamed") or 0), "total": sum(found.values())}


def progress(counts: Mapping[str, int]) -> int:
    """Return how many percent will not be looked at again."""
    return 100 * sum(counts[name] for name in DONE) // counts["total"] if counts["total"] else 0


def rollout_short(listed: Listed, *, base: str) -> dict[str, Any]:
    """Return a line of the list."""
    return _short(listed.rollout, counts_json(listed.counts), base)


def _short(rollout: Rollout, counts: Mapping[str, int], base: str) -> dict[str, Any]:
    return {
        "id": str(rollout.pk),
        "url": rollout_url(base, rollout.pk),
        "name": rollout.name,
        "release": rollout.release_key,
        "selector": rollout.selector,
        "state": rollout.state,
        "reason": rollout.hold,
        "urgent": rollout.urgent,
        "overlap": rollout.overlap,
        "priority": rollout.priority,
        "created_by": rollout.created_by,
        "created_at": rfc3339(rollout.created_at),
        "started_at": rfc3339(rollout.started_at),
        "closed_at": rfc3339(rollout.closed_at),
        "finished_at": rfc3339(rollout.finished_at),
        "progress": progress(counts),
        "counts": dict(counts),
    }


def rollout_json(view: RolloutView, *, base: str) -> dict[str, Any]:
    """Return one rollout whole."""
    places = [
        {"landscape": row["landscape"], "region": row["region"], "counts": counts_json(row)}
        for row in view.places
    ]
    return {
        **_short(view.rollout, counts_json(view.counts), base),
        "plan": view.rollout.plan,
        "finish": view.finish and finish_json(view.finish),
        "stages": [_stage(stage) for stage in view.stages],
        "burn": [vars(one) for one in view.burn],
        "places": places,
        "errors": [_error(one) for one in view.errors],
        "reasons": [_reason(one) for one in view.reasons],
        "health": [_health(one) for one in view.health],
    }


def finish_json(finish: Estimate) -> dict[str, Any]:
    """Return when a rollout will be done."""
    return {name: rfc3339(getattr(finish, name)) for name in ("low", "likely", "high")} | {
        "bound_by": finish.bound_by
    }


def _stage(stage: StageView) -> dict[str, Any]:
    counts = counts_json(stage.row)
    return {
        "position": stage.row["position"],
        "name": stage.row["name"],
        "state": stage.row["state"],
        "reason": stage.row["hold"],
        "progress": progress(counts),
        "counts": counts,
        "max_concurrency": stage.concurrency,
        "max_failures": stage.failures_allowed,
        "started_at": rfc3339(stage.row["began_at"]),
        "finished_at": rfc3339(stage.row["passed_at"]),
        "gates": [_gate(gate) for gate in stage.gates],
    }


def _gate(gate: Gate) -> dict[str, Any]:
    state = "open" if gate.open else "waiting" if gate.since else "pending"
    given = [
        {"by": one.by, "at": rfc3339(one.at), "note": one.note}
        for one in sorted(gate.approvals.all(), key=lambda approval: approval.at)
    ]
    return {
        "id": str(gate.pk),
        "kind": gate.kind,
        "where": gate.side,
        "state": state,
        "reason": gate.reason,
        "settings": gate.settings,
        "approvals": given,
        "opens_at": rfc3339(gate.until),
        "opened_at": rfc3339(gate.opened_at),
        "opened_by": gate.opened_by or None,
    }


def _error(tally: Tally) -> dict[str, Any]:
    return {
        "signature": tally.code,
        "message": tally.sample,
        "count": tally.targets,
        "first_at": rfc3339(tally.first_at),
        "last_at": rfc3339(tally.last_at),
    }


def _reason(tally: Tally) -> dict[str, Any]:
    return {
        "state": tally.state,
        "code": tally.code,
        "reason": tally.sample,
        "count": tally.targets,
        "first_at": rfc3339(tally.first_at),
    }


def _health(point: HealthPoint) -> dict[str, Any]:
    return {
        "at": rfc3339(point.at),
        "upgraded": point.upgraded,
        "upgraded_unhealthy": point.upgraded_unhealthy,
        "others": point.control,
        "others_unhealthy": point.control_unhealthy,
    }
