"""Finds gates by their file's name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

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


def least_wait(asked: Iterable[tuple[str, Mapping[str, Any]]], moment: datetime) -> float:
    """Return how many seconds these take at the least, asked together from that moment on."""
    return max((gate_of(kind).least_seconds(settings, moment) for kind, settings in asked), default=0.0)


def words_of(kind: str, settings: Mapping[str, Any]) -> str:
    """Return what a gate is called, with what its settings ask for."""
    gate = gate_of(kind)
    return f"{gate.title}{gate.words(settings)}"
