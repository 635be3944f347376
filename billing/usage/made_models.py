"""Hours and days: what was made of samples. See `models`."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from controlplane.tenants.models import Tenant, TenantOwned


class Integrals(models.Model):
    """Seconds of a piece of time, and what was asked for and used in them: sums of level x seconds, whole numbers."""

    observed_seconds = models.BigIntegerField()
    inferred_seconds = models.BigIntegerField()
    unknown_seconds = models.BigIntegerField()
    used_seconds = models.BigIntegerField()  # of the observed ones, those in which use was known
    workload_requested_millicores = models.BigIntegerField()
    workload_requested_mib = models.BigIntegerField()
    workload_used_millicores = models.BigIntegerField()
    workload_used_mib = models.BigIntegerField()
    platform_requested_millicores = models.BigIntegerField()
    platform_requested_mib = models.BigIntegerField()
    platform_used_millicores = models.BigIntegerField()
    platform_used_mib = models.BigIntegerField()
    egress_bytes = models.BigIntegerField()

    class Meta:
        abstract = True


class Hour(Integrals):
    """What one hour of one span held: a row for each shape that was seen in it, one with shape 0 for the time nobody saw.

    Its quantities are its shape's levels x seconds, so they are kept once; all its rows' seconds together are the time it lived.
    A view: 64 neighbouring sources' hours lie packed in one row of `usage_hour_block`, and who wants few names their `block`.
    """

    pk = models.CompositePrimaryKey("hour", "source", "span", "shape")
    hour = models.DateTimeField()
    source = models.IntegerField()
    span = models.BigIntegerField()
    shape = models.IntegerField()
    revision = models.IntegerField(default=1)  # how often it came out different
    rolled_at = models.DateTimeField()
    block = models.IntegerField()

    class Meta:
        managed = False
        db_table = "usage_hour"

    def __str__(self) -> str:
        return f"{self.source} {self.hour}"


class Day(TenantOwned):
    """How much of one meter a runtime had on a day of UTC, in base-unit-seconds (a counter: base units)."""

    pk = models.CompositePrimaryKey("day", "source", "tenant", "account", "plan", "meter", "dimension")
    day = models.DateField()
    source = models.IntegerField()
    tenant = models.ForeignKey(
        Tenant, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    account = models.UUIDField()
    runtime = models.UUIDField()
    plan = models.CharField(max_length=31)
    region = models.CharField(max_length=64)
    meter = models.CharField(max_length=31)
    dimension = models.CharField(max_length=120)
    quantity = models.BigIntegerField()  # of observed time
    inferred = models.BigIntegerField()  # of inferred time

    class Meta:
        indexes = [models.Index(fields=["tenant", "day"], name="usage_day_of_tenant")]

    def __str__(self) -> str:
        return f"{self.runtime} {self.day} {self.meter}"


class DayLife(TenantOwned, Integrals):
    """How much of a runtime's day is known, and what was asked for and used in it."""

    pk = models.CompositePrimaryKey("day", "source", "tenant", "account", "plan")
    day = models.DateField()
    source = models.IntegerField()
    tenant = models.ForeignKey(
        Tenant, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    account = models.UUIDField()
    runtime = models.UUIDField()
    plan = models.CharField(max_length=31)
    region = models.CharField(max_length=64)
    alive_seconds = models.BigIntegerField()
    allocatable_millicores = models.BigIntegerField()
    allocatable_mib = models.BigIntegerField()

    class Meta:
        db_table = "usage_day_life"
        constraints = [
            # Every second of a life is accounted for: seen, inferred, or known to be unknown.
            models.CheckConstraint(
                condition=Q(
                    alive_seconds=F("observed_seconds") + F("inferred_seconds") + F("unknown_seconds")
                ),
                name="usage_day_is_accounted_for",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "day"], name="usage_day_life_of_tenant")]

    def __str__(self) -> str:
        return f"{self.runtime} {self.day}"


class Sealed(TenantOwned):
    """A tenant's month whose statement is sealed: what changes in it later is a correction."""

    pk = models.CompositePrimaryKey("tenant", "month")
    tenant = models.ForeignKey(
        Tenant, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    month = models.DateField()  # its first day
    sealed_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.month}"


class Late(TenantOwned):
    """A runtime's day that came out different after its month was sealed; statements read it and answer with corrections."""

    tenant = models.ForeignKey(
        Tenant, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    month = models.DateField()
    day = models.DateField()
    source = models.IntegerField()
    changes = models.IntegerField(default=1)
    first_at = models.DateTimeField(db_default=Now())
    last_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "month", "day", "source"], name="usage_late_once_per_day"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.day}"
