"""Signatures, by which failures are grouped: the error's code and the step that it came in."""

from __future__ import annotations

from django.db.models import Q

BETWEEN = "@"


def of_signature(given: str) -> Q:
    """Return the filter for failures of a signature, or of a code alone in whatever step. Rides on target_failures."""
    if BETWEEN in given:
        return Q(state="failed", signature=given)
    return Q(state="failed", signature__startswith=f"{given}{BETWEEN}")
