"""Targets of a rollout: a page of them, and the feed of what changed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from controlplane.api.links import operation_url, runtime_url
from controlplane.api.shapes.base import (
    COUNT,
    ID,
    MAYBE_MOMENT,
    MAYBE_TEXT,
    MOMENT,
    TEXT,
    URL,
    Shape,
    maybe,
    record,
    several,
    words,
)
from controlplane.kernel.clock import rfc3339
from provisioner.rollouts.models import Target
from provisioner.rollouts.states import TargetState

TARGET_STATES = [state.value for state in TargetState]
LINK = record({"id": ID, "name": TEXT, "url": URL})
WHY = record({"code": TEXT, "words": TEXT})
TARGET = Shape(
    "RolloutTarget",
    record(
        {
            "id": ID,
            "position": COUNT,
            "runtime": LINK,
            "tenant": TEXT,
            "account": TEXT,
            "plan": TEXT,
            "region": TEXT,
            "landscape": TEXT,
            "stage": TEXT,
            "state": words(TARGET_STATES),
            "since": MOMENT,
            "reason": {**WHY, "description": "Why it is not done."},
            "until": {**MAYBE_MOMENT, "description": "Until when that is so, where it is known."},
            "from_release": TEXT,
            "attempts": COUNT,
            "operation": maybe(record({"id": ID, "url": URL, "state": TEXT, "reason": TEXT})),
            "error": maybe(record({"code": TEXT, "signature": TEXT, "audience": TEXT, "message": TEXT})),
            "skipped_by": MAYBE_TEXT,
            "started_at": MAYBE_MOMENT,
            "finished_at": MAYBE_MOMENT,
        },
        description="One runtime in a rollout.",
    ),
)
TARGET_LIST = Shape(
    "RolloutTargetList",
    record(
        {"results": several(TARGET), "next": maybe(URL)},
        description="One page in the rollout's order; `next` is the address of the following one, or null.",
    ),
)
FEED = Shape(
    "RolloutFeed",
    record(
        {
            "results": several(
                record(
                    {
                        "target": ID,
                        "runtime": LINK,
                        "tenant": TEXT,
                        "stage": TEXT,
                        "state": words(TARGET_STATES),
                        "reason": WHY,
                        "at": MOMENT,
                    }
                )
            )
        },
        description="Targets that changed last, newest first; ask again with `after` the first one's `at`.",
    ),
)


def target_json(target: Target, *, base: str) -> dict[str, Any]:
    """Return a target; reads `runtime` with `tenant`, `account` and `landscape`, `stage` and `operation` of the row."""
    runtime, operation = target.runtime, target.operation
    return {
        "id": str(target.pk),
        "position": target.position,
        "runtime": linked(runtime.pk, runtime.name, base),
        "tenant": runtime.tenant.slug,
        "account": runtime.account.slug,
        "plan": runtime.plan_id,
        "region": runtime.region,
        "landscape": runtime.landscape.key,
        "stage": target.stage.name,
        "state": target.state,
        "since": rfc3339(target.since),
        "reason": {"code": target.reason_code, "words": target.reason},
        "until": rfc3339(target.reason_until),
        "from_release": target.release_before,
        "attempts": target.attempts,
        "operation": operation
        and {
            "id": str(operation.pk),
            "url": operation_url(base, operation.pk),
            "state": operation.state,
            "reason": operation.reason,
        },
        "error": _error(target),
        "skipped_by": target.noted_by or None,
        "started_at": rfc3339(target.started_at),
        "finished_at": rfc3339(target.finished_at),
    }


def _error(target: Target) -> dict[str, str] | None:
    if not target.error_code:
        return None
    return {
        "code": target.error_code,
        "signature": target.signature,
        "audience": target.error_audience,
        "message": target.operation.error_message if target.operation else target.reason,
    }


def feed_json(target: Target, *, base: str) -> dict[str, Any]:
    """Return a line of the feed; reads `runtime` with its `tenant`, and `stage`."""
    return {
        "target": str(target.pk),
        "runtime": linked(target.runtime_id, target.runtime.name, base),
        "tenant": target.runtime.tenant.slug,
        "stage": target.stage.name,
        "state": target.state,
        "reason": {"code": target.reason_code, "words": target.reason},
        "at": rfc3339(target.since),
    }


def linked(runtime_id: UUID, name: str, base: str) -> dict[str, str]:
    """Return a runtime as a link."""
    return {"id": str(runtime_id), "name": name, "url": runtime_url(base, runtime_id)}
