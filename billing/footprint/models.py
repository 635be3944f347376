"""Footprints by day: of runtimes, and of the platform's components over the fleet. Made by `making`, never added to."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from billing.footprint.component_models import ComponentAsked, ComponentRead, ComponentTold, ComponentUsed
from controlplane.tenants.models import Tenant, TenantOwned

__all__ = [
    "MEASURES", "PARTS", "ComponentAsked", "ComponentDay", "ComponentRead", "ComponentTold", "ComponentUsed", "Dirty",
    "FootprintDay",
]  # fmt: skip

PARTS = ("workload", "platform", "reserve", "idle")
MEASURES = ("cpu", "memory", "cost", "carbon")


class FootprintDay(TenantOwned):
    """What a runtime took up on a day of UTC, of the time that was seen.

    Processors are millicores x seconds, memory MiB x seconds, costs millionths of the currency, carbon milligrams of CO2e. Parts
    add up to the whole that is split: the nodes' capacity, their cost; carbon's with `carbon_storage`, which is none of the four.
    """

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
    observed_seconds = models.BigIntegerField()
    cpu_workload = models.BigIntegerField()
    cpu_platform = models.BigIntegerField()
    cpu_reserve = models.BigIntegerField()
    cpu_idle = models.BigIntegerField()
    cpu_overrun = models.BigIntegerField()  # of work, beyond what was allocatable
    memory_workload = models.BigIntegerField()
    memory_platform = models.BigIntegerField()
    memory_reserve = models.BigIntegerField()
    memory_idle = models.BigIntegerField()
    memory_overrun = models.BigIntegerField()
    currency = models.CharField(max_length=3, blank=True)  # "" where nothing prices its nodes
    cost_workload = models.BigIntegerField()
    cost_platform = models.BigIntegerField()
    cost_reserve = models.BigIntegerField()
    cost_idle = models.BigIntegerField()
    carbon_workload = models.BigIntegerField()
    carbon_platform = models.BigIntegerField()
    carbon_reserve = models.BigIntegerField()
    carbon_idle = models.BigIntegerField()
    carbon_storage = models.BigIntegerField()
    carbon_low = models.BigIntegerField()
    carbon_high = models.BigIntegerField()
    region_known = models.BooleanField()  # whether there is a grid figure for its region
    use_known = models.BooleanField()  # whether its cluster told use
    factors = models.IntegerField()  # the version of the carbon factors

    class Meta:
        db_table = "footprint_day"
        constraints = [
            # A part of a whole is never less than nothing.
            models.CheckConstraint(
                condition=Q(**{f"{measure}_{part}__gte": 0 for measure in MEASURES for part in PARTS}),
                name="footprint_parts_are_parts",
            ),
            # An estimate without its range, or outside of it, would mislead.
            models.CheckConstraint(
                condition=Q(
                    carbon_low__lte=sum((F(f"carbon_{part}") for part in PARTS), F("carbon_storage")),
                    carbon_high__gte=sum((F(f"carbon_{part}") for part in PARTS), F("carbon_storage")),
                ),
                name="footprint_carbon_is_in_range",
            ),
        ]
        indexes = [
            # A tenant's weeks.
            models.Index(fields=["tenant", "day"], name="footprint_day_of_tenant"),
        ]

    def __str__(self) -> str:
        return f"{self.runtime} {self.day}"


class ComponentDay(models.Model):
    """What a component of the platform asked for and used on a day, over all runtimes of a plan: level x seconds."""

    pk = models.CompositePrimaryKey("day", "component", "plan")
    day = models.DateField()
    component = models.CharField(max_length=253)
    plan = models.CharField(max_length=31)
    runtimes = models.IntegerField()
    seconds = models.BigIntegerField()  # of all runtimes, in which it was seen
    requested_millicores = models.BigIntegerField()
    requested_mib = models.BigIntegerField()
    used_seconds = models.BigIntegerField()  # an hour for each hour and runtime whose use was told
    used_millicores = models.BigIntegerField()
    used_mib = models.BigIntegerField()

    class Meta:
        db_table = "footprint_component_day"

    def __str__(self) -> str:
        return f"{self.component} {self.day}"


class Dirty(models.Model):
    """Sources whose day came out anew in the usage store; written by a trigger, in the transaction that made the day."""

    day = models.DateField()
    sources = ArrayField(models.IntegerField())

    class Meta:
        db_table = "footprint_dirty"
        indexes = [models.Index(fields=["day"], name="footprint_dirty_days")]

    def __str__(self) -> str:
        return f"{self.day}: {len(self.sources)}"
