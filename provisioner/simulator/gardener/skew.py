"""How far a worker pool's Kubernetes may be from the control plane's.

Source: Gardener's `pkg/api/core/validation/shoot.go`: never ahead, at most three minors behind, never down.
"""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.simulator.errors import Json, cause
from provisioner.simulator.gardener.versions import number

FORBIDDEN = "FieldValueForbidden"
BEHIND = 3


def check_pool(path: str, worker: Json, spec: Json, old: Json | None) -> Iterator[Json]:
    """Yield what is wrong with a pool's version; a pool that names none has the control plane's."""
    control_plane = str(spec["kubernetes"].get("version", ""))
    wanted = version_of(worker, control_plane)
    new, ceiling = number(wanted), number(control_plane)
    if not new or not ceiling:
        yield cause(path, f'Invalid value: "{wanted}": must be a version', "FieldValueInvalid")
        return
    if new > ceiling:
        yield cause(
            path,
            "Forbidden: worker group kubernetes version must not be higher than the control plane's",
            FORBIDDEN,
        )
    elif ceiling[1] - new[1] > BEHIND:
        detail = f"Forbidden: worker group kubernetes version must be at most {BEHIND} minor versions behind the control plane's"
        yield cause(path, detail, FORBIDDEN)
    before = ((old or {}).get("spec") or {}).get("provider", {}).get("workers") or []
    for each in before:
        if each.get("name") == worker.get("name"):
            was = version_of(each, str(old["spec"]["kubernetes"].get("version", ""))) if old else ""
            if number(was) and new < number(was):
                yield cause(path, "Forbidden: kubernetes version downgrade is not supported", FORBIDDEN)


def version_of(worker: Json, control_plane: str) -> str:
    """Return the Kubernetes version that a pool's nodes have."""
    return str((worker.get("kubernetes") or {}).get("version") or control_plane)
