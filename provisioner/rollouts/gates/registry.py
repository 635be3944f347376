"""Finds gates by their file's name."""

from __future__ import annotations

from controlplane.kernel.errors import Refused
from controlplane.kernel.plugins import load
from controlplane.kernel.sentences import choices, shown
from provisioner.rollouts.gates.base import Gate


def gates() -> dict[str, Gate]:
    """Return every kind of gate by its key."""
    return load("provisioner.rollouts.gates", "gate")


def gate_of(kind: object) -> Gate:
    """Return one kind of gate; raises Refused gate_unknown."""
    found = gates().get(kind) if isinstance(kind, str) else None
    if found is None:
        detail = f"There is no gate {shown(kind)}. {choices(sorted(gates()), kind)}"
        raise Refused("gate_unknown", detail, field="gates")
    return found
