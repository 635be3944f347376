"""Compares a landscape with the database: clusters of ours that no living runtime owns."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings

from provisioner.drivers.base import EventType, LandscapeAccess
from provisioner.drivers.registry import connect
from provisioner.landscapes.models import Landscape
from provisioner.observer import queries
from provisioner.observer.changes import runtime_of


def find_orphans(landscape: Landscape) -> list[str]:
    """List the landscape now, and return the names of clusters without a living runtime; raises what its driver raises."""
    access = LandscapeAccess(
        landscape.key, landscape.config, landscape.credentials_path, settings.LANDSCAPE_TIMEOUT_SECONDS
    )
    listed: list[tuple[UUID | None, str]] = []
    for event in connect(kind=landscape.kind, access=access).watch(None):
        if event.type is EventType.RELIST_BEGIN:
            listed = []
        elif event.type is EventType.RELIST_END:
            break
        elif event.observed is not None:
            listed.append((runtime_of(event.observed), event.observed.name))
    return queries.unowned(landscape.id, listed)
