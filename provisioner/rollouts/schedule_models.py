"""When upgrades may begin: the rows behind `windows`."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from controlplane.catalog.models import Plan
from controlplane.tenants.models import Tenant
from provisioner.runtimes.models import Runtime


class _Schedule(models.Model):
    """Whose it is: one runtime's, a tenant's (of one plan, or all), a plan's, or without either everybody's."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, null=True, related_name="+", db_index=False)
    plan = models.ForeignKey(Plan, models.CASCADE, null=True, related_name="+", db_index=False)
    runtime = models.ForeignKey(Runtime, models.CASCADE, null=True, related_name="+")
    created_by = models.CharField(max_length=160)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True


class MaintenanceWindow(_Schedule):
    """A weekly window; the most specific owner's windows hold, and the others' not."""

    days = models.JSONField(default=list)  # ["mon", …]
    begin = models.CharField(max_length=5)  # "02:30" on the wall of the zone
    end = models.CharField(max_length=5)  # up to "24:00"
    time_zone = models.CharField(max_length=64)

    class Meta:
        constraints = [
            # Texts of the same form compare like times.
            models.CheckConstraint(
                condition=Q(end__gt=models.F("begin")), name="window_ends_behind_its_begin"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "plan"], name="window_of_owner")]

    def __str__(self) -> str:
        return f"{'/'.join(self.days)} {self.begin}-{self.end} {self.time_zone}"


class Exclusion(_Schedule):
    """From `begins_at` up to `ends_at` nothing begins; everybody's add up."""

    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=300)
    by_platform = models.BooleanField(default=False, db_default=False)  # takes no tenant's days

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=models.F("begins_at")), name="exclusion_ends_behind_its_begin"
            ),  # one that ends before it begins shuts nothing
        ]
        indexes = [models.Index(fields=["tenant", "plan", "ends_at"], name="exclusion_of_owner")]

    def __str__(self) -> str:
        return self.reason


class PutOff(models.Model):
    """A tenant moved windows while an upgrade waited for them: from when up to when that put it off.

    `excluded`: an exclusion did, by the windows as they were before somebody changed them.
    Where the upgrade's target stops waiting before `ends_at`, it counts up to then only: `deferring_queries.COUNTED`.
    """

    target = models.ForeignKey("rollouts.Target", models.CASCADE, related_name="+", db_index=False)
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    excluded = models.BooleanField(default=False, db_default=False)
    created_by = models.CharField(max_length=160)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=models.F("begins_at")), name="put_off_ends_behind_its_begin"
            ),  # what ends before it begins puts nothing off
        ]
        indexes = [models.Index(fields=["target", "ends_at"], name="put_off_of_target")]

    def __str__(self) -> str:
        return f"{self.begins_at} to {self.ends_at}"
