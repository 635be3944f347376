"""The rows of the findings' room: what was found, who answers for it, and when each runtime is looked at next."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from controlplane.kernel.ids import uuid7
from provisioner.findings.rules.base import Audience, Severity
from provisioner.runtimes.models import Runtime


class Finding(models.Model):
    """One object of one runtime that breaks one rule, as the newest look saw it; the row goes when the trouble does.

    It is its tenant's as the runtime is: who sees that sees this.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    runtime = models.ForeignKey(Runtime, models.CASCADE, related_name="+", db_index=False)
    rule = models.CharField(max_length=63)
    api_version = models.CharField(max_length=253)
    kind = models.CharField(max_length=63)
    namespace = models.CharField(max_length=63, blank=True)
    name = models.CharField(max_length=253)
    severity = models.CharField(max_length=8, choices=[(one.value, one.value) for one in Severity])
    audience = models.CharField(max_length=6, choices=[(one.value, one.value) for one in Audience])
    sentence = models.CharField(max_length=1000)
    remedy = models.CharField(max_length=1000)
    from_version = models.CharField(max_length=8, blank=True)  # the Kubernetes minor from which it counts
    since = models.DateTimeField()  # when it was first seen

    class Meta:
        constraints = [
            # A second row for the same trouble would be counted twice. Also: all of a runtime's.
            models.UniqueConstraint(
                fields=["runtime", "rule", "api_version", "kind", "namespace", "name"],
                name="finding_once_per_object",
            ),
            models.CheckConstraint(
                condition=Q(severity__in=[one.value for one in Severity]), name="finding_severity_is_known"
            ),
            models.CheckConstraint(
                condition=Q(audience__in=[one.value for one in Audience]), name="finding_audience_is_known"
            ),
        ]
        indexes = [
            # The fleet's groups, counted in this order without the rows, and the runtimes of one.
            models.Index(
                fields=["rule", "severity", "audience", "runtime"], include=["since"], name="finding_by_group"
            ),
            # Asked before every upgrade.
            models.Index(fields=["runtime"], condition=Q(severity="blocking"), name="finding_blocking"),
        ]

    def __str__(self) -> str:
        return f"{self.runtime_id}: {self.rule} {self.place}"

    @property
    def place(self) -> str:
        """Its object, as waivers name it: "Deployment shop/till"."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class FindingWaiver(models.Model):
    """Somebody answers by name for what breaks a rule in a runtime, until a day: its upgrades go on meanwhile."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    runtime = models.ForeignKey(Runtime, models.CASCADE, related_name="+", db_index=False)
    rule = models.CharField(max_length=63)
    place = models.CharField(max_length=400, blank=True)  # one object; empty: everything that breaks the rule
    owner = models.CharField(max_length=160)
    reason = models.CharField(max_length=300)
    expires_at = models.DateTimeField()
    created_by = models.CharField(max_length=160)
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # One answers at a time.
            models.UniqueConstraint(
                fields=["runtime", "rule", "place"],
                condition=Q(revoked_at__isnull=True),
                name="finding_waiver_one_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.runtime_id}: {self.rule} {self.place or 'all'} by {self.owner}"


class Check(models.Model):
    """When a runtime is looked at next, whether anything changed or not."""

    runtime = models.OneToOneField(Runtime, models.CASCADE, primary_key=True, related_name="+")
    due_at = models.DateTimeField()
    looked_at = models.DateTimeField(null=True)  # the newest look that came to its end
    asked_at = models.DateTimeField(null=True)  # when somebody asked for a look that is still to come
    # Looks in a row that found nothing: the next one is ever later.
    quiet = models.PositiveSmallIntegerField(default=0, db_default=0)
    partial = models.JSONField(
        default=list
    )  # rules that were not looked for, did not see everything, or found more than is kept
    problem = models.CharField(max_length=300, blank=True)  # what kept the last look from its end

    class Meta:
        indexes = [
            # The tick.
            models.Index(fields=["due_at"], name="finding_check_due"),
        ]

    def __str__(self) -> str:
        return f"{self.runtime_id} at {self.due_at}"
