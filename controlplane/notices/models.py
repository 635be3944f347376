"""The rows of the notices' room."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from controlplane.kernel.ids import uuid7
from controlplane.notices.webhook_models import Webhook, WebhookDelivery
from controlplane.tenants.models import Tenant

__all__ = ["Mail", "Notice", "State", "Webhook", "WebhookDelivery"]

ONE_ADDRESS = r"[^\s\x01-\x1f\x7f<>,;:@\"]+@[^\s\x01-\x1f\x7f<>,;:@\"]+"  # as Python and PostgreSQL read it


class State(models.TextChoices):
    """queued → sent, or queued → failed (a dead letter) → queued when a person asks for it."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"


class Notice(models.Model):
    """One message to one address; `sealed` holds its words' context until it has left."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, null=True, related_name="+")
    to = models.CharField(max_length=254)
    kind = models.CharField(max_length=48)  # templates/mail/<kind>.subject.txt, .txt and .html
    sealed = models.BinaryField(
        default=bytes
    )  # the context as JSON, for notices_notice.sealed; empty once sent
    dedupe_key = models.CharField(max_length=160, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField()  # due then; while a worker holds the row, the end of its claim
    last_error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # A message that is announced twice is sent once.
            models.UniqueConstraint(
                fields=["dedupe_key"], condition=~Q(dedupe_key=""), name="notice_once_per_key"
            ),
            models.CheckConstraint(condition=Q(state__in=State.values), name="notice_state_is_known"),
            # What was sent has no words left to leak.
            models.CheckConstraint(
                condition=~Q(state="sent") | Q(sent_at__isnull=False, sealed=b""), name="notice_sent_is_empty"
            ),
            # A line break in an address would begin another header.
            models.CheckConstraint(
                condition=Q(to__regex=f"^{ONE_ADDRESS}$"), name="notice_goes_to_one_address"
            ),
        ]
        indexes = [
            # The sweep finds what is due, whatever lies behind it.
            models.Index(fields=["next_at"], condition=Q(state="queued"), name="notice_due"),
            # Dead letters are few and looked at by people.
            models.Index(fields=["-id"], condition=Q(state="failed"), name="notice_dead"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.to}"


class Mail(models.Model):
    """A message that arrived in the demo's mailbox; no other installation has any."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField()
    sender = models.CharField(max_length=320)
    to = models.CharField(max_length=320)
    subject = models.CharField(max_length=300)
    text = models.TextField()
    html = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.subject
