"""The rows behind exports of the audit trail: who wanted what taken away, and how far it is."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from controlplane.kernel.ids import uuid7
from controlplane.tenants.jobs import IS_OPEN, Job, JobState
from controlplane.tenants.models import Tenant


class AuditExport(Job):
    """One export of a period of the trail to the place that the operator set up; without a tenant it is the platform's."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, null=True, related_name="+")
    since = models.DateTimeField()
    until = models.DateTimeField()
    search = models.JSONField(default=dict)  # what else narrows it
    rows = models.PositiveIntegerField(default=0)  # so far
    place = models.CharField(max_length=1024, blank=True)  # where it is, once it is done
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=JobState.values), name="audit_export_state_is_known"
            ),
            # Who looks at an export that ended wants to know where it is, or why not.
            models.CheckConstraint(
                condition=~Q(state="done") | ~Q(place=""), name="audit_export_done_is_somewhere"
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=IS_OPEN, name="audit_export_due"),
            models.Index(fields=["tenant", "-id"], name="audit_export_of_tenant"),
        ]

    def __str__(self) -> str:
        return f"{self.since:%Y-%m-%d} to {self.until:%Y-%m-%d} for {self.asked_by}"
