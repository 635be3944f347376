"""The usage store's rows; samples themselves have no model, they are partitions that `partitions` makes and `ingest` fills.

History outlives what it tells of, so nothing here has a foreign key to rooms below, and no row of theirs waits for a check of ours.
"""

from __future__ import annotations


from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Now

from controlplane.kernel.ids import uuid7
from controlplane.tenants.models import Tenant, TenantOwned

UNKNOWN = 0  # the shape of time that nobody saw


class Source(models.Model):
    """The small number that stands for a runtime in samples and hours; its life is [born, gone)."""

    id = models.AutoField(primary_key=True)
    runtime = models.UUIDField(unique=True)
    born = models.DateTimeField()
    gone = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # Whose life ended since a batch's first slot: asked once a batch, few answer.
            models.Index(fields=["gone"], condition=Q(gone__isnull=False), name="usage_source_gone"),
        ]

    def __str__(self) -> str:
        return str(self.runtime)


class Span(TenantOwned):
    """A piece of a runtime's life in which whose it was, its plan and its phase stayed the same: [since, until), whole seconds.

    A trigger of the runtimes' table writes them, nobody else: no writer of a runtime can forget it.
    """

    # Nobody looks a span up by its tenant alone, and no tenant's row is locked for one.
    tenant = models.ForeignKey(Tenant, models.DO_NOTHING, related_name="+", db_constraint=False)
    source = models.IntegerField()
    runtime = models.UUIDField()
    account = models.UUIDField()
    plan = models.CharField(max_length=31)
    region = models.CharField(max_length=64)
    provider = models.CharField(max_length=31)
    phase = models.CharField(max_length=16)
    since = models.DateTimeField()
    until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # A second of a runtime is charged to one account. Ranges of one number, for equality has no index of this kind.
            ExclusionConstraint(
                name="usage_span_never_overlaps",
                expressions=[
                    (Func("source", "source", Value("[]"), function="int4range"), RangeOperators.OVERLAPS),
                    (Func("since", "until", function="tstzrange"), RangeOperators.OVERLAPS),
                ],
            ),
            # An empty span would be nobody's time.
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gt=F("since")), name="usage_span_lasts"
            ),
        ]
        indexes = [
            # What a runtime was in an hour: one step back from the hour's end.
            models.Index(fields=["source", "since"], name="usage_span_of_source"),
            # The one that still lasts: what the trigger closes.
            models.Index(fields=["source"], condition=Q(until__isnull=True), name="usage_span_open"),
        ]

    def __str__(self) -> str:
        return f"{self.runtime} {self.phase} since {self.since}"


class Shape(models.Model):
    """Levels that many samples share, kept once: {meter: {dimension: level}} in base units, and what its nodes can give."""

    id = models.AutoField(primary_key=True)
    digest = models.BinaryField(unique=True)
    levels = models.JSONField()
    allocatable_millicores = models.IntegerField()
    allocatable_mib = models.IntegerField()

    def __str__(self) -> str:
        return str(self.levels)


class ComponentSet(models.Model):
    """What the platform's components ask for, kept once: {component: [millicores, MiB]}."""

    id = models.AutoField(primary_key=True)
    digest = models.BinaryField(unique=True)
    components = models.JSONField()

    class Meta:
        db_table = "usage_component_set"

    def __str__(self) -> str:
        return str(self.components)


class ComponentUse(models.Model):
    """What the components used, by the first sight of it in an hour: {component: [millicores, MiB]}."""

    pk = models.CompositePrimaryKey("hour", "source")
    hour = models.DateTimeField()
    source = models.IntegerField()
    used = models.JSONField()

    class Meta:
        db_table = "usage_component_use"

    def __str__(self) -> str:
        return f"{self.source} {self.hour}"


class Quarantined(models.Model):
    """A sample that can't be believed, kept with the reason for those who look into it; it counts for nothing."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    runtime = models.UUIDField()
    slot = models.DateTimeField()
    epoch = models.SmallIntegerField()
    reason = models.CharField(max_length=32)
    detail = models.CharField(max_length=500)
    payload = models.JSONField()
    digest = models.BinaryField()  # of the payload
    origin = models.SmallIntegerField()
    reported_at = models.DateTimeField()
    stored_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "usage_quarantine"
        constraints = [
            # A sender that repeats itself fills no table.
            models.UniqueConstraint(
                fields=["runtime", "slot", "epoch", "reason", "digest"], name="usage_quarantined_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.runtime} {self.slot}: {self.reason}"


class Dirty(models.Model):
    """Sources whose hour must be computed anew: one row per batch and hour, appended, so that writers never wait for each other."""

    hour = models.DateTimeField()
    sources = ArrayField(models.IntegerField())
    # Whether the neighbouring hours are to follow where a gap reaches into them.
    spreads = models.BooleanField(default=True, db_default=True)

    class Meta:
        indexes = [models.Index(fields=["hour"], name="usage_dirty_hours")]

    def __str__(self) -> str:
        return f"{self.hour}: {len(self.sources)}"


class DirtyDay(models.Model):
    """The same for days."""

    day = models.DateField()
    sources = ArrayField(models.IntegerField())

    class Meta:
        db_table = "usage_dirty_day"
        indexes = [models.Index(fields=["day"], name="usage_dirty_days")]

    def __str__(self) -> str:
        return f"{self.day}: {len(self.sources)}"


class Progress(models.Model):
    """How far a task has come that goes through time: up to where every hour is closed."""

    name = models.CharField(primary_key=True, max_length=31)
    reached = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name}: {self.reached}"


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
    """

    pk = models.CompositePrimaryKey("hour", "source", "span", "shape")
    hour = models.DateTimeField()
    source = models.IntegerField()
    span = models.BigIntegerField()
    shape = models.IntegerField()
    revision = models.IntegerField(default=1)  # how often it came out different
    rolled_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # A second is seen, inferred or unknown, and only what was seen or inferred has a shape.
            models.CheckConstraint(
                condition=Q(observed_seconds__gte=0, inferred_seconds__gte=0, unknown_seconds__gte=0)
                & (
                    Q(shape=UNKNOWN, observed_seconds=0, inferred_seconds=0, unknown_seconds__gt=0)
                    | Q(~Q(shape=UNKNOWN), unknown_seconds=0)
                ),
                name="usage_hour_seconds_are_known_or_not",
            ),
        ]

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


INTEGRALS: tuple[str, ...] = tuple(field.name for field in Integrals._meta.fields)
