"""Bills that somebody asked to be booked, from a bucket or as they were uploaded."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from controlplane.kernel.ids import uuid7
from controlplane.tenants.jobs import IS_OPEN, Job, JobState


class BillImport(Job):
    """One wish to book a bill; what was uploaded is kept until it is read, and no longer."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.CharField(max_length=31)
    file_format = models.CharField(max_length=7)
    source = models.CharField(max_length=500)  # s3://…, or the name of the file that was uploaded
    content = models.BinaryField(null=True)  # of an upload, until it is read
    final_again = models.BooleanField(default=False)
    booked = models.BooleanField(default=False)  # false once done: the same files were booked before
    faults: models.JSONField[list[dict[str, str]], list[dict[str, str]]] = models.JSONField(
        default=list
    )  # wrong rows: {"column", "detail"}
    bill = models.ForeignKey(
        "exports.ProviderBill", models.SET_NULL, null=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField()

    class Meta:
        db_table = "exports_bill_import"
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=JobState.values), name="exports_import_state_is_known"
            ),
            # Nobody's bill lies here longer than it takes to read it.
            models.CheckConstraint(
                condition=IS_OPEN | Q(content__isnull=True),
                name="exports_import_forgets",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=IS_OPEN, name="exports_import_due"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.source}"
