"""Whether a landscape's observer still hears from it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q
from django.db.models.functions import Now

from provisioner.landscapes.models import Landscape

STALE_AFTER = timedelta(minutes=3)  # a quiet landscape sends a bookmark about once a minute


def is_stale(landscape: Landscape, at: datetime) -> bool:
    """Say whether nothing was heard for too long; a landscape that is new has as long to be heard first."""
    return (landscape.observed_at or landscape.created_at) < at - STALE_AFTER


def silent_since(landscape: Landscape, at: datetime) -> datetime | None:
    """Return since when nothing was heard, where that is too long; None for one that is heard."""
    return (landscape.observed_at or landscape.created_at) if is_stale(landscape, at) else None


def stale_landscapes() -> list[str]:
    """Return the keys of those that were not heard for too long, by the database's clock; one statement."""
    since = Now() - STALE_AFTER
    silent = Q(observed_at__lt=since) | Q(observed_at__isnull=True, created_at__lt=since)
    return list(Landscape.objects.filter(silent).order_by("key").values_list("key", flat=True))
