"""The rows of the lifecycle room: who is suspended or about to be deleted and why, and whose release ends."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from controlplane.kernel.ids import uuid7
from controlplane.tenants.models import Account, TenantOwned
from provisioner.runtimes.models import Runtime


class Why(models.TextChoices):
    """Why a tenant or an account is suspended; none while only its deletion is scheduled."""

    NONE = "", "deletion"
    WISH = "wish", "their own wish"
    PAYMENT = "payment", "payment"
    ABUSE = "abuse", "abuse"


class Standing(TenantOwned):
    """One suspension, or one scheduled deletion, of a tenant or of an account of it.

    It is open until `ended_at` (resumed, or the deletion undone) or `closed_at` (everything is gone; the row is the tombstone).
    The tick looks at it when `due_at` has come, and brings the owner's runtimes to where they belong, batch by batch.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(
        Account, models.PROTECT, null=True, related_name="+"
    )  # null: the whole tenant
    reason = models.CharField(max_length=16, choices=Why, blank=True, default=Why.NONE)
    note = models.CharField(max_length=500, blank=True)
    by = models.CharField(max_length=160)
    since = models.DateTimeField()
    delete_after = models.DateTimeField(null=True)
    reminded_days = models.PositiveSmallIntegerField(null=True)  # the nearest reminder that was sent
    ended_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)  # null: nothing will be due
    problem = models.CharField(max_length=300, blank=True)  # what kept the last round from its end

    class Meta:
        constraints = [
            # One open row per tenant, and one per account: the newest word holds.
            models.UniqueConstraint(
                fields=["tenant"],
                condition=Q(account__isnull=True, ended_at__isnull=True),
                name="standing_one_open_per_tenant",
            ),
            models.UniqueConstraint(
                fields=["account"],
                condition=Q(account__isnull=False, ended_at__isnull=True),
                name="standing_one_open_per_account",
            ),
            models.CheckConstraint(condition=Q(reason__in=Why.values), name="standing_reason_is_known"),
            # What is gone can't be resumed.
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True) | Q(ended_at__isnull=True), name="standing_ends_once"
            ),
        ]
        indexes = [
            # The tick.
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="standing_due"),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id}/{self.account_id or 'all'}: {self.reason or 'deletion'}"


class Expiry(TenantOwned):
    """A runtime whose release comes to its end of life: it is told beforehand, and upgraded by force at the end.

    The row goes when the runtime has left that release. The tick looks at it when `due_at` has come.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    runtime = models.ForeignKey(Runtime, models.CASCADE, related_name="+", db_index=False)
    release = models.CharField(max_length=31)  # that ends
    ends_on = models.DateField()
    due_at = models.DateTimeField()
    told_days = models.PositiveSmallIntegerField(null=True)  # the nearest notice that was sent
    operation = models.UUIDField(null=True)  # the newest that was to bring it away
    problem = models.CharField(max_length=500, blank=True)  # why the last try was refused

    class Meta:
        constraints = [
            # One row per runtime and release, however often it is looked for.
            models.UniqueConstraint(fields=["runtime", "release"], name="expiry_once_per_release"),
        ]
        indexes = [
            # The tick.
            models.Index(fields=["due_at"], name="expiry_due"),
        ]

    def __str__(self) -> str:
        return f"{self.runtime_id}: {self.release} ends on {self.ends_on}"
