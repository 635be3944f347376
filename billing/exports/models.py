"""What was exported and what a provider billed. Nothing here belongs to a tenant: the platform's team alone sees it."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from billing.exports.focus.columns import Version
from billing.exports.import_models import BillImport
from controlplane.kernel.ids import uuid7
from controlplane.tenants.jobs import IS_OPEN, Job, JobState

__all__ = [
    "BillImport", "BillPlace", "FileFormat", "FocusExport", "ProviderBill", "ProviderCost",
]  # fmt: skip


class FileFormat(models.TextChoices):
    """How a file is written."""

    CSV = "csv"
    PARQUET = "parquet"


class FocusExport(Job):
    """One writing of one month. While the month is open part 0 is written over; once it is closed more comes as further parts.

    A part of a closed month holds the charges of its `statements` and no other part does, so nobody has to look for doubles.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    month = models.DateField()
    version = models.CharField(max_length=3, choices=[(v.value, v.value) for v in Version])
    file_format = models.CharField(max_length=7, choices=FileFormat)
    to = models.CharField(max_length=500)  # a folder, or s3://bucket/prefix
    part = models.PositiveIntegerField(default=0)
    closed = models.BooleanField(default=False)  # every statement in it was sealed
    statements = ArrayField(models.UUIDField(), default=list)  # of a closed part
    rows = models.PositiveIntegerField(default=0)  # so far
    digest = models.CharField(max_length=64, blank=True)  # SHA-256 of the file
    place = models.CharField(max_length=700, blank=True)  # where it is; "" where there was nothing to add
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(month__day=1), name="exports_focus_month_begins"),
            models.CheckConstraint(
                condition=Q(state__in=JobState.values), name="exports_focus_state_is_known"
            ),
            # Two writers of one file would each overwrite what the other has checked.
            models.UniqueConstraint(
                fields=["month", "version", "file_format", "to"],
                condition=Q(state="running"),
                name="exports_focus_one_writer",
            ),
            # A press of the button while one waits adds nothing.
            models.UniqueConstraint(
                fields=["month", "version", "file_format", "to"],
                condition=Q(state="waiting"),
                name="exports_focus_waits_once",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=IS_OPEN, name="exports_focus_due"),
            # What stands at a place already.
            models.Index(fields=["month", "version", "file_format", "to"], name="exports_focus_of_month"),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.version} {self.file_format}"


class ProviderBill(models.Model):
    """A provider's bill of one payer and month, as last imported. An open one is replaced as a whole, a final one stands."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.CharField(max_length=31)  # "aws"
    payer = models.CharField(max_length=64)  # the provider's account that pays
    month = models.DateField()
    landscape = models.CharField(max_length=40, blank=True)  # key; "" where the bill's runtimes tell
    invoice = models.CharField(max_length=120, blank=True)  # "" while the bill is open
    currency = models.CharField(max_length=3)
    lines = models.PositiveBigIntegerField()
    unblended = models.DecimalField(max_digits=30, decimal_places=12)
    amortized = models.DecimalField(max_digits=30, decimal_places=12)
    digest = models.CharField(max_length=64)  # SHA-256 of its files, in their order
    source = models.CharField(max_length=500)
    imports = models.PositiveIntegerField(default=1)
    imported_by = models.CharField(max_length=160)
    imported_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # Whatever file it comes from, a month of a payer is counted once.
            models.UniqueConstraint(fields=["provider", "payer", "month"], name="exports_bill_once"),
            models.CheckConstraint(condition=Q(month__day=1), name="exports_bill_month_begins"),
            models.CheckConstraint(condition=Q(currency__regex="^[A-Z]{3}$"), name="exports_bill_currency"),
        ]
        indexes = [models.Index(fields=["month"], name="exports_bill_of_month")]

    def __str__(self) -> str:
        return f"{self.provider} {self.payer} {self.month:%Y-%m}"


class BillPlace(models.Model):
    """A place where a provider leaves one month's bill, and what was there when it was looked at last."""

    provider = models.CharField(max_length=31)
    file_format = models.CharField(max_length=7)
    place = models.CharField(max_length=500)
    fingerprint = models.CharField(
        max_length=64, blank=True
    )  # of names, sizes and versions of its files; "" for none
    fault = models.CharField(max_length=1000, blank=True)  # why what is there was not booked
    bill = models.ForeignKey(ProviderBill, models.SET_NULL, null=True, related_name="+", db_index=False)
    looked_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField()

    class Meta:
        constraints = [
            # Two beats that meet a new month look at it once.
            models.UniqueConstraint(fields=["provider", "place"], name="exports_bill_place_once"),
        ]
        indexes = [models.Index(fields=["due_at"], name="exports_bill_place_due")]

    def __str__(self) -> str:
        return f"{self.provider} {self.place}"


class ProviderCost(models.Model):
    """What a resource cost on a day, and the runtime it belongs to; null for what no tag and no name leads to."""

    bill = models.ForeignKey(ProviderBill, models.CASCADE, related_name="costs", db_index=False)
    day = models.DateField()
    runtime = models.UUIDField(null=True)
    landscape = models.CharField(max_length=40, blank=True)
    meter_group = models.CharField(max_length=15)
    product = models.CharField(max_length=100, blank=True)
    resource = models.CharField(max_length=300, blank=True)
    lines = models.PositiveIntegerField()
    unblended = models.DecimalField(max_digits=30, decimal_places=12)
    amortized = models.DecimalField(max_digits=30, decimal_places=12)

    class Meta:
        indexes = [
            models.Index(fields=["bill", "day"], name="exports_cost_of_bill"),
            # What nobody owns, dearest first, is what people look into.
            models.Index(
                fields=["bill", "-amortized"],
                condition=Q(runtime__isnull=True),
                name="exports_cost_of_nobody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.resource}"
