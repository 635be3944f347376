"""Operations, short and whole, and their steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from controlplane.api.links import operation_url, runtime_url
from controlplane.api.shapes.base import (
    COUNT,
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
from controlplane.api.shapes.step import STEP
from controlplane.kernel.clock import rfc3339
from provisioner.operations.models import Operation
from provisioner.operations.moves import OPEN, State
from provisioner.runtimes.phases import Kind

STATES = words([state.value for state in State])
KINDS = words([kind.value for kind in Kind])

OPERATION_SHORT = Shape(
    "OperationShort",
    record(
        {
            "id": ID,
            "url": URL,
            "kind": KINDS,
            "state": STATES,
            "step": MAYBE_TEXT,
            "progress": PERCENT,
            "background": {
                "type": "boolean",
                "description": "Whether the runtime can be used already, and what is left goes on meanwhile.",
            },
            "reason": {"type": "string", "description": "Why it waits, or empty."},
        }
    ),
)

_WHOLE: Mapping[str, Any] = {
    **OPERATION_SHORT.schema["properties"],
    "runtime": record({"id": ID, "name": TEXT, "url": URL}),
    "tenant": TEXT,
    "landscape": TEXT,
    "generation": {**COUNT, "description": "The newest wish of the runtime that this fulfils."},
    "requested_by": TEXT,
    "due_at": {**MAYBE_MOMENT, "description": "When the next attempt is due, while it is open."},
    "deadline": {**MAYBE_MOMENT, "description": "When it gives up, while it is open."},
    "step_deadline": MAYBE_MOMENT,
    "attempts": {**COUNT, "description": "Of the current step."},
    "pause_requested_at": MAYBE_MOMENT,
    "cancel_requested_at": MAYBE_MOMENT,
    "error": maybe(
        record(
            {
                "code": TEXT,
                "message": TEXT,
                "class": TEXT,
                "audience": {"type": "string", "description": "Who can act: `tenant`, `sre`, or empty."},
            }
        )
    ),
    "created_at": MOMENT,
    "started_at": MAYBE_MOMENT,
    "finished_at": MAYBE_MOMENT,
}
OPERATION = Shape("Operation", record(_WHOLE, description="Durable work on one runtime, as a list shows it."))
OPERATION_WITH_STEPS = Shape(
    "OperationWithSteps",
    record(
        {
            **_WHOLE,
            "steps": several(STEP),
            "usual_seconds": {
                "type": ["number", "null"],
                "description": "How long all of its steps take as a rule, where known; null once it has ended.",
            },
        },
        description="Durable work on one runtime, with every step and attempt.",
    ),
)
OPERATION_LIST = page_of(OPERATION)
REASON = Shape(
    "Reason",
    {
        "type": "object",
        "description": "Why: it stands in the audit trail.",
        "additionalProperties": False,
        "properties": {"reason": {"type": "string", "maxLength": 300}},
    },
    example={"reason": "waiting for a higher quota"},
)


def operation_short(operation: Operation, *, base: str) -> dict[str, Any]:
    """Return what stands beside a runtime; `base` is the address of this installation."""
    is_open = operation.state in OPEN
    return {
        "id": str(operation.id),
        "url": operation_url(base, operation.id),
        "kind": operation.kind,
        "state": operation.state,
        "step": operation.step if is_open else None,
        "progress": operation.progress,
        "background": operation.background and is_open,
        "reason": operation.reason if is_open else "",
    }


def operation_whole(operation: Operation, *, base: str) -> dict[str, Any]:
    """Return an operation as lists show it; reads `runtime`, `tenant` and `landscape` of the row."""
    is_open = operation.state in OPEN
    failed = bool(operation.error_class or operation.error_message)
    return {
        **operation_short(operation, base=base),
        "runtime": {
            "id": str(operation.runtime_id),
            "name": operation.runtime.name,
            "url": runtime_url(base, operation.runtime_id),
        },
        "tenant": operation.tenant.slug,
        "landscape": operation.landscape.key,
        "generation": operation.generation,
        "requested_by": operation.requested_by,
        "due_at": rfc3339(operation.due_at) if is_open else None,
        "deadline": rfc3339(operation.deadline) if is_open else None,
        "step_deadline": rfc3339(operation.step_deadline) if is_open else None,
        "attempts": operation.attempts,
        "pause_requested_at": rfc3339(operation.pause_requested_at),
        "cancel_requested_at": rfc3339(operation.cancel_requested_at),
        "error": {
            "code": operation.error_code,
            "message": operation.error_message,
            "class": operation.error_class,
            "audience": operation.error_audience,
        }
        if failed
        else None,
        "created_at": rfc3339(operation.created_at),
        "started_at": rfc3339(operation.started_at),
        "finished_at": rfc3339(operation.finished_at),
    }


def operation_with_steps(
    operation: Operation, *, base: str, steps: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return an operation with its steps, as its own address shows it."""
    usual = [step["usual_seconds"] for step in steps]
    return {
        **operation_whole(operation, base=base),
        "steps": list(steps),
        "usual_seconds": None if not usual or None in usual else round(sum(usual), 3),
    }
