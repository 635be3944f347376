"""What may not change in a Shoot once it is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from provisioner.simulator.errors import Json
from provisioner.simulator.gardener.rules import forbidden, wrong

IMMUTABLE = (
    ("region",),
    ("provider", "type"),
    ("networking", "type"),
    ("networking", "pods"),
    ("networking", "services"),
    ("networking", "nodes"),
    ("seedName",),
)
CONDITIONAL = (("cloudProfile", "name"), ("credentialsBindingName",))


def _at(spec: Json, path: tuple[str, ...]) -> Any:
    value: Any = spec
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def check_changes(new: Json, old: Json) -> Iterator[Json]:
    """Yield a cause for each fixed field that a write would change."""
    if "deletionTimestamp" in old["metadata"] and new["spec"] != old["spec"]:
        yield forbidden("spec", "the shoot is being deleted, its spec may not change")
        return
    for path in (*IMMUTABLE, *CONDITIONAL):
        before, after = _at(old["spec"], path), _at(new["spec"], path)
        if before is not None and before != after:
            yield wrong("spec." + ".".join(path), after, "field is immutable")
    yield from _pools(new["spec"], old["spec"])


def _pools(new: Json, old: Json) -> Iterator[Json]:
    before = {each["name"]: each for each in old["provider"]["workers"]}
    for index, worker in enumerate((new.get("provider") or {}).get("workers") or []):
        earlier = before.get(worker.get("name")) if isinstance(worker, dict) else None
        if earlier is None:
            continue
        gone = [zone for zone in earlier.get("zones") or [] if zone not in (worker.get("zones") or [])]
        if gone:
            yield forbidden(
                f"spec.provider.workers[{index}].zones", f"zones {', '.join(gone)} may not be removed"
            )
