"""How long the steps of an operation take as a rule: the median of what they took lately."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

from provisioner.operations.models import Operation
from provisioner.operations.moves import OPEN, State

LATELY = 50  # operations: enough for a median, few enough to read at every poll


def usual_seconds(operation: Operation) -> dict[str, float]:
    """Seconds by step, from the last operations of this kind that succeeded in the same landscape.

    Nothing for a closed operation, which waits no more. Rides on operation_recent.
    """
    if operation.state not in OPEN:
        return {}
    rows = Operation.objects.filter(
        kind=operation.kind, landscape=operation.landscape_id, state=State.SUCCEEDED
    ).order_by("-finished_at")
    return medians(rows.values_list("steps_done", flat=True)[:LATELY])


def medians(done: Iterable[Iterable[Mapping[str, Any]]]) -> dict[str, float]:
    """The median seconds of every step; what was skipped took no time and counts for nothing."""
    taken: dict[str, list[float]] = defaultdict(list)
    for steps in done:
        for entry in steps:
            if entry.get("seconds") is not None and not entry.get("skipped"):
                taken[entry["step"]].append(float(entry["seconds"]))
    return {step: median(values) for step, values in taken.items()}
