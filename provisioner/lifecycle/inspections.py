"""Looks into clusters whose modules are due: how they are, and what of them was changed behind our back, which is mended.

O(due): a runtime once in a round (MODULE_INSPECTION_SECONDS), and where all is in order, ever less often: a fourth as often.
Spread evenly, within each landscape's budget of calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import structlog

from controlplane.kernel.errors import Refused
from provisioner.lifecycle.repair import mend_drift
from provisioner.lifecycle.rounds import Rounds
from provisioner.modules import inspecting
from provisioner.modules.installing import Sight, inspect
from provisioner.modules.rendering import render
from provisioner.runtimes.inside import ClusterApi
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.spec import cluster_from_json

log = structlog.get_logger(__name__)


def tick() -> int:
    """Look at what is due; return how many runtimes were."""
    return Rounds("modules", inspecting, _look, _write).tick()


def _look(api: ClusterApi, runtime: Runtime) -> Sequence[Sight]:
    return inspect(api, render(cluster_from_json(runtime.cluster_spec)))


def _write(runtime: Runtime, sights: Sequence[Sight]) -> None:
    rounds = inspecting.note(runtime.pk, runtime.generation, sights)
    drift = [difference for sight in sights for difference in sight.drift]
    # Where somebody changes it back every time, ever less often: in the 1st, 2nd, 4th, 8th round in a row.
    if drift and rounds & (rounds - 1) == 0:
        _mend(runtime.pk, drift)


def _mend(runtime_id: UUID, drift: list[str]) -> None:
    try:
        operation = mend_drift(runtime_id=runtime_id, fields=drift[:20])
    except Refused as refused:
        log.warning("modules.drift_stays", runtime=str(runtime_id), reason=str(refused))
        return
    if operation is not None:
        log.warning("modules.drift_mended", runtime=str(runtime_id), operation=str(operation.pk), drift=drift)
