"""The usage store's rows; samples themselves have no model, they are partitions that `partitions` makes and `ingest` fills.

History outlives what it tells of, so nothing here has a foreign key to rooms below, and no row of theirs waits for ours.
"""

from __future__ import annotations

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Now

from billing.usage.made_models import Day, DayLife, Hour, Late, Sealed
from controlplane.kernel.ids import uuid7
from controlplane.tenants.models import Tenant, TenantOwned

__all__ = [
    "Batch", "ComponentSet", "ComponentUse", "Day", "DayLife", "Dirty", "DirtyDay", "Hour", "Late", "Progress", "Quarantined",
    "Sealed", "Shape", "Source", "Span",
]  # fmt: skip


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
            # Who lived in an hour that is over.
            models.Index(fields=["until"], name="usage_span_ended"),
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
    """What components used: {source: {component: [millicores, MiB]}}, a row a batch and hour; a source's first one counts."""

    hour = models.DateTimeField()
    used = models.TextField()  # JSON that is read once in a while: nobody reads it on the way in

    class Meta:
        db_table = "usage_component_use"
        indexes = [models.Index(fields=["hour"], name="usage_component_use_hours")]

    def __str__(self) -> str:
        return f"{self.hour}: {self.id}"


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
    decision = models.CharField(max_length=12, default="", db_default="")  # empty: nobody has decided
    decided_by = models.CharField(max_length=160, default="", db_default="")
    decided_why = models.CharField(max_length=300, default="", db_default="")
    decided_at = models.DateTimeField(null=True)

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


class Batch(models.Model):
    """A day's part of a batch that was stored whole, by its bytes: who sends it again is answered without a look at rows."""

    pk = models.CompositePrimaryKey("day", "digest")
    day = models.DateField()
    digest = models.BinaryField()
    stored_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.day} {bytes(self.digest).hex()}"


class Dirty(models.Model):
    """Sources whose hour must be computed anew: one row per batch and hour, appended, so that no writer waits."""

    hour = models.DateTimeField()
    sources = ArrayField(models.IntegerField())
    # Whether the neighbouring hours are to follow where a gap reaches into them.
    spreads = models.BooleanField(default=True, db_default=True)
    # How often its hour could not be made: such hours come last.
    failures = models.IntegerField(default=0, db_default=0)

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
