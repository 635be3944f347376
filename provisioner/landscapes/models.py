"""The rows of the landscapes' room."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.db.models import Q

from controlplane.kernel.ids import uuid7


class Breaker(models.TextChoices):
    """closed → open (enough faults in a row) → half_open (one probe) → closed, or open again."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


def credentials_context(landscape_id: UUID) -> str:
    """Return what a landscape's credentials are sealed for: they open nowhere else."""
    return f"-|landscapes_landscape|{landscape_id}|credentials_sealed"


class Landscape(models.Model):
    """A place that builds clusters, spoken to by the driver that `kind` names."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    key = models.SlugField(max_length=40, unique=True)
    kind = models.CharField(max_length=32)  # a driver's file name
    providers = models.JSONField(default=list)  # ["aws", "azure"]: what it can build on
    config = models.JSONField(default=dict)  # the driver's own settings; see the driver's docstring
    credentials_path = models.CharField(max_length=400, blank=True)  # a file that only the service can read
    credentials_sealed = models.BinaryField(default=bytes)  # or the credentials themselves, sealed
    accepting = models.BooleanField(default=True)  # whether new runtimes are placed here

    # Budget: a token bucket for calls.
    calls_per_second = models.FloatField(default=50.0)
    burst = models.FloatField(default=100.0)
    tokens = models.FloatField(default=100.0)
    tokens_at = models.DateTimeField(auto_now_add=True)

    breaker = models.CharField(max_length=16, choices=Breaker.choices, default=Breaker.CLOSED)
    breaker_faults = models.PositiveIntegerField(default=0)  # in a row
    breaker_until = models.DateTimeField(null=True)  # open: no call before; half open: the probe's own time
    breaker_opened_at = models.DateTimeField(null=True)
    breaker_reason = models.CharField(max_length=300, blank=True)

    # The observer's place in the landscape's history.
    cursor = models.CharField(max_length=64, blank=True)
    observed_at = models.DateTimeField(null=True)  # the last event or bookmark
    observer_lag_seconds = models.FloatField(null=True)  # the longest of what was last written
    relisted_at = models.DateTimeField(null=True)

    # The last audit that compared it with the database.
    orphans = models.JSONField(default=list)  # names of clusters without a living runtime, the first twenty
    orphans_count = models.PositiveIntegerField(default=0)
    missing_count = models.PositiveIntegerField(default=0)  # settled runtimes without a cluster
    audited_at = models.DateTimeField(null=True)
    audit_begun_at = models.DateTimeField(null=True)  # by whoever's turn it was

    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(breaker__in=Breaker.values), name="landscape_breaker_is_known"
            ),
            # A bucket that never fills would stop the landscape silently.
            models.CheckConstraint(
                condition=Q(calls_per_second__gt=0, burst__gte=1), name="landscape_budget_is_positive"
            ),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def credentials_context(self) -> str:
        """What its credentials are sealed for."""
        return credentials_context(self.id)
