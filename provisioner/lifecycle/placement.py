"""Which landscape a new runtime goes to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID
from zlib import crc32

from controlplane.catalog.plans import PlanFacts
from controlplane.kernel.errors import Refused
from controlplane.tenants.isolation import prepared
from provisioner.landscapes.models import Landscape
from provisioner.lifecycle.queries import FITTING_LANDSCAPES


def place(*, plan: PlanFacts, runtime_id: UUID) -> Landscape:
    """Return a landscape that takes new runtimes of the plan; raises Refused with 503 when there is none.

    Runtimes spread by rendezvous hashing, so one more landscape moves no one and takes its share.
    """
    found = prepared.rows(FITTING_LANDSCAPES, [plan.landscape_kind, plan.provider])
    fitting = [_landscape(row) for row in found]
    candidates = sorted(fitting, key=lambda landscape: crc32(f"{landscape.key}:{runtime_id}".encode()))
    if not candidates:
        raise Refused(
            "no_landscape",
            f"No landscape takes new runtimes of plan {plan.key} now; choose another plan, or try again later.",
            field="plan",
            status=503,
            retry_after_seconds=300,
        )
    return candidates[0]


def _landscape(row: Mapping[str, Any]) -> Landscape:
    columns = ["id", "key", "kind", "config"]
    values = [row["id"], row["key"], row["kind"], json.loads(row["config"])]
    found: Landscape = Landscape.from_db("default", columns, values)
    return found
