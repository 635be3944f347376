"""Whether workloads renew their pods by themselves: nobody else does, and a module is well once all are new. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from provisioner.modules.sources.faults import SourceFault
from provisioner.runtimes.inside import Json, ObjectRef


def replacement_faults(documents: Sequence[Json]) -> list[SourceFault]:
    """Return why pods of dressed workloads would stay as they were after a change, or pile up."""
    return [
        SourceFault("module_object_rollout", f"{ObjectRef.of(document)} {why}")
        for document in documents
        for why in _reasons(document["kind"], document.get("spec"))
    ]


def _reasons(kind: str, spec: Any) -> Iterator[str]:
    if not isinstance(spec, Mapping):
        return
    strategy = spec.get("updateStrategy") or {}
    if kind in {"DaemonSet", "StatefulSet"} and strategy.get("type", "RollingUpdate") != "RollingUpdate":
        yield (
            f"renews its pods only once somebody deletes them (updateStrategy {strategy['type']}), and nobody does; take "
            "RollingUpdate, or leave it out."
        )
    if kind == "StatefulSet" and (strategy.get("rollingUpdate") or {}).get("partition"):
        yield (
            "keeps some of its pods as they were (updateStrategy.rollingUpdate.partition); runtimes are changed one after the "
            "other by rollouts already, so take it out."
        )
    if kind == "Deployment" and spec.get("paused"):
        yield "is paused: no change would reach its pods; take `paused` out."
    if kind == "CronJob" and spec.get("concurrencyPolicy") not in {"Forbid", "Replace"}:
        yield (
            "may start again while it still runs (concurrencyPolicy Allow), so that what never ends piles up beyond what is "
            "declared; take Forbid or Replace."
        )
