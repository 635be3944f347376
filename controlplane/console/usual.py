"""How long the steps of an operation take as a rule."""

from __future__ import annotations

from provisioner.operations.models import Operation


def usual_seconds(operation: Operation) -> dict[str, float]:
    """Seconds by step."""
    return {}
