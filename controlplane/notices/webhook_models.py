"""Where a tenant, or the platform's own team, wants to hear of events, and what is on its way there."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from controlplane.kernel.ids import uuid7
from controlplane.tenants.models import Tenant, TenantOwned


class Webhook(TenantOwned):
    """An address that gets events of some kinds, signed with a secret that both sides know.

    Without a tenant it is the platform's own team's, and hears of the whole fleet.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, null=True, related_name="+")  # type: ignore[assignment]
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    url = models.CharField(max_length=2048)
    kinds = ArrayField(models.CharField(max_length=48))
    filters = models.JSONField(default=dict, db_default={})  # see `webhook_filters`
    sealed = models.BinaryField()  # the secret, for notices_webhook.sealed
    created_by = models.CharField(max_length=160)
    created_at = models.DateTimeField()
    disabled_at = models.DateTimeField(null=True)  # the other side said 410 Gone

    class Meta:
        constraints = [
            # An address is told once.
            models.UniqueConstraint(
                fields=["tenant", "url"], name="webhook_once_per_address", nulls_distinct=False
            ),
            # Who listens to nothing is a mistake.
            models.CheckConstraint(condition=~Q(kinds=[]), name="webhook_listens"),
        ]

    def __str__(self) -> str:
        return self.url


class DeliveryState(models.TextChoices):
    """queued → sent, or queued → failed (a dead letter)."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"


class WebhookDelivery(TenantOwned):
    """One event on its way to one address; its id stays the same however often it is tried."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, null=True, related_name="+")  # type: ignore[assignment]
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries", db_index=False)
    kind = models.CharField(max_length=48)
    dedupe_key = models.CharField(max_length=160)
    body = models.TextField()  # the very bytes that are signed
    state = models.CharField(max_length=8, choices=DeliveryState, default=DeliveryState.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField()  # due then; while a worker holds the row, the end of its claim
    last_status = models.PositiveSmallIntegerField(null=True)
    last_error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "notices_webhook_delivery"
        constraints = [
            # What happened once is told once.
            models.UniqueConstraint(fields=["webhook", "dedupe_key"], name="webhook_delivery_once"),
            models.CheckConstraint(
                condition=Q(state__in=DeliveryState.values), name="webhook_delivery_state_is_known"
            ),
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(state="queued"), name="webhook_delivery_due"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.webhook_id}"
