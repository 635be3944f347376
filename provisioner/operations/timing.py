"""How long the steps of an operation take as a rule: the median of what they took lately."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

from django.db import connection

from provisioner.operations import reading
from provisioner.operations.models import Operation
from provisioner.operations.moves import OPEN

LATELY = 50  # operations: enough for a median, few enough to read at every poll


def usual_seconds(operation: Operation) -> dict[str, float]:
    """Seconds by step, from the last operations of this kind that succeeded in the same landscape.

    Nothing for a closed operation, which waits no more. Rides on operation_recent.
    """
    if operation.state not in OPEN:
        return {}
    wanted: dict[str, Any] = {"kind": operation.kind, "landscape": operation.landscape_id, "most": LATELY}
    with connection.cursor() as cursor:
        cursor.execute(reading.LATELY, wanted)
        return medians(json.loads(steps_done) for (steps_done,) in cursor.fetchall())


def medians(done: Iterable[Iterable[Mapping[str, Any]]]) -> dict[str, float]:
    """The median seconds of every step; what was skipped took no time, what gave up took its own, and both count for nothing."""
    taken: dict[str, list[float]] = defaultdict(list)
    for steps in done:
        for entry in steps:
            if entry.get("seconds") is not None and not entry.get("skipped") and "failed" not in entry:
                taken[entry["step"]].append(float(entry["seconds"]))
    return {step: median(values) for step, values in taken.items()}
