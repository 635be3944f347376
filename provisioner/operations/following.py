"""Shows, on an operation that waits for its landscape, how far the landscape is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

from controlplane.tenants.isolation import prepared
from provisioner.operations import engine, flowbook

# Copies what the observer has just written about the runtimes onto the operations that wait for it; nothing else changes, nobody
# is woken. The caller has locked the runtimes. Rides on operation_one_per_slot.
FOLLOW = """
UPDATE operations_operation o
SET reason = left(coalesce(nullif(r.status ->> 'activity', ''), o.reason), 500),
    progress = s.start + s.width * coalesce((r.status ->> 'progress')::int, 0) / 100
FROM runtimes_runtime r, jsonb_to_recordset(%(spans)s::jsonb) AS s(kind text, step text, start int, width int)
WHERE r.id = ANY(%(runtimes)s::uuid[]) AND o.runtime_id = r.id AND o.slot = 'active' AND o.state = 'waiting'
  AND o.error_class = '' AND s.kind = o.kind AND s.step = o.step
RETURNING o.id"""


def follow(*, runtime_ids: Sequence[UUID]) -> int:
    """Bring reason and progress of what waits for these runtimes' landscape up to date; return how many did wait."""
    if not runtime_ids:
        return 0
    return len(prepared.rows(FOLLOW, {"spans": _spans(), "runtimes": list(runtime_ids)}))


def _spans() -> str:
    """Return, for every step that follows its landscape, the part of its flow's progress that it covers, in percent."""
    found = []
    for kind, flow in flowbook.all_flows().items():
        for step in flow.steps:
            if step.follows_landscape:
                start = engine.percent(flow, step.name)
                width = engine.percent(flow, step.name, 100) - start
                found.append({"kind": kind, "step": step.name, "start": start, "width": width})
    return json.dumps(found)
