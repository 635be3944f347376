"""How a running step writes to its runtime and its operation: guarded by the fence, as every write of a worker is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.kernel.errors import Retry
from controlplane.tenants.isolation import prepared
from provisioner.operations.claimed import Claimed
from provisioner.runtimes.spec import ClusterSpec, cluster_from_json

# A step writes the wish that it is about to fulfil: fields of the wanted cluster, and the release that the runtime counts as
# running. Doors lock the runtime before they read it, so neither overwrites the other. Rides on primary keys.
AMEND = """
UPDATE runtimes_runtime r
SET cluster_spec = r.cluster_spec || %(cluster)s::jsonb,
    spec = CASE WHEN %(release)s::jsonb IS NULL THEN r.spec ELSE jsonb_set(r.spec, '{release}', %(release)s::jsonb) END,
    updated_at = now()
FROM operations_operation o
WHERE o.id = %(id)s::uuid AND o.fence = %(fence)s::bigint AND o.state = 'running' AND r.id = o.runtime_id
RETURNING r.cluster_spec"""

# What a step notes for later ones, and for people. Rides on the primary key.
KEEP = """
UPDATE operations_operation SET kept = kept || %(notes)s::jsonb
WHERE id = %(id)s::uuid AND fence = %(fence)s::bigint AND state = 'running' RETURNING id"""


@dataclass(frozen=True)
class WorkersPen:
    """The pen of a worker that holds an operation; what it writes, later steps of the same claim see."""

    held: Claimed

    def amend(self, *, cluster: Mapping[str, Any], release: Mapping[str, Any] | None = None) -> ClusterSpec:
        """Write onto the runtime and return its wanted cluster; raises Retry for a lost lease."""
        kept = None if release is None else json.dumps(release)
        rows = prepared.rows(AMEND, {**self._who(), "cluster": json.dumps(cluster), "release": kept})
        if not rows:
            raise _lost()
        self.held.made[:] = [cluster_from_json(json.loads(rows[0]["cluster_spec"]))]
        return self.held.made[0]

    def keep(self, notes: Mapping[str, Any]) -> None:
        """Add notes to the operation; raises Retry for a lost lease."""
        if not prepared.rows(KEEP, {**self._who(), "notes": json.dumps(notes)}):
            raise _lost()
        self.held.kept.update(notes)

    def _who(self) -> dict[str, Any]:
        return {"id": self.held.id, "fence": self.held.fence}


def _lost() -> Retry:
    return Retry("Another worker has taken the operation over.", code="lease_lost")
