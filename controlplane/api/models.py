"""The rows of the API's own room."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from controlplane.tenants.models import ApiToken


class IdempotencyRecord(models.Model):
    """The answer to a write that carried an Idempotency-Key, kept for 24 hours; only successes are kept."""

    token = models.ForeignKey(ApiToken, models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32)  # SHA-256 of method, path and body
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)  # Location and ETag
    body = models.TextField()  # as sent, byte for byte
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # Two concurrent requests with one key must never both be carried out.
            models.UniqueConstraint(fields=["token", "key"], name="idempotency_key_once_per_token"),
            # A refusal wrote nothing, so its repetition may succeed.
            models.CheckConstraint(
                condition=Q(status__gte=200, status__lt=300), name="idempotency_keeps_successes"
            ),
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotency_by_age")]

    def __str__(self) -> str:
        return self.key
