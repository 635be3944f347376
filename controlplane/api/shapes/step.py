"""The steps of an operation, each with its state, its times and every attempt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from controlplane.api.shapes.base import COUNT, MAYBE_MOMENT, MOMENT, TEXT, Shape, record, several, words
from controlplane.kernel.clock import rfc3339
from provisioner.operations.models import Operation, OperationAttempt
from provisioner.operations.timeline import StepProgress, StepState, timeline

ATTEMPT = Shape(
    "Attempt",
    record(
        {
            "number": COUNT,
            "outcome": {"type": "string", "description": "`done`, `wait`, `retry`, `fatal` or `skipped`."},
            "error_class": TEXT,
            "error_code": TEXT,
            "message": TEXT,
            "started_at": MOMENT,
            "finished_at": MOMENT,
        }
    ),
)
STEP = Shape(
    "Step",
    record(
        {
            "name": TEXT,
            "title": TEXT,
            "state": words(sorted(state.value for state in StepState)),
            "started_at": MAYBE_MOMENT,
            "finished_at": MAYBE_MOMENT,
            "skipped_because": TEXT,
            "usual_seconds": {
                "type": ["number", "null"],
                "description": "How long it takes as a rule, where known.",
            },
            "attempts": several(ATTEMPT),
        }
    ),
)


def steps_of(
    operation: Operation, attempts: Iterable[OperationAttempt], usual: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Return every step of the operation."""
    return [_step(step) for step in timeline(operation, attempts, usual)]


def _step(step: StepProgress) -> dict[str, Any]:
    return {
        "name": step.name,
        "title": step.title,
        "state": step.state.value,
        "started_at": rfc3339(step.started_at),
        "finished_at": rfc3339(step.finished_at),
        "skipped_because": step.skipped_because,
        "usual_seconds": step.usual_seconds,
        "attempts": [_attempt(attempt) for attempt in step.attempts],
    }


def _attempt(attempt: OperationAttempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "outcome": attempt.outcome,
        "error_class": attempt.error_class,
        "error_code": attempt.error_code,
        "message": attempt.message,
        "started_at": rfc3339(attempt.started_at),
        "finished_at": rfc3339(attempt.finished_at),
    }
