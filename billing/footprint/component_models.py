"""What components' days are made of, kept as long as samples may still come: see `components`."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class ComponentAsked(models.Model):
    """What a component asked for on a day in the runtimes of some neighbouring sources: level x seconds."""

    pk = models.CompositePrimaryKey("day", "neighbours", "component", "plan")
    day = models.DateField()
    neighbours = models.IntegerField()
    component = models.CharField(max_length=253)
    plan = models.CharField(max_length=31)
    runtimes = models.IntegerField()
    seconds = models.BigIntegerField()
    millicores = models.BigIntegerField()
    mib = models.BigIntegerField()

    class Meta:
        db_table = "footprint_component_asked"

    def __str__(self) -> str:
        return f"{self.component} {self.day}: {self.neighbours}"


class ComponentUsed(models.Model):
    """What a component used on a day, of all that was told and read: level x seconds, an hour for each runtime and hour."""

    pk = models.CompositePrimaryKey("day", "component", "plan")
    day = models.DateField()
    component = models.CharField(max_length=253)
    plan = models.CharField(max_length=31)
    seconds = models.BigIntegerField()
    millicores = models.BigIntegerField()
    mib = models.BigIntegerField()

    class Meta:
        db_table = "footprint_component_used"

    def __str__(self) -> str:
        return f"{self.component} {self.day}"


class ComponentTold(models.Model):
    """Whose use is in it: a bit for each hour of the day, and under which plan it stands."""

    pk = models.CompositePrimaryKey("day", "source")
    day = models.DateField()
    source = models.IntegerField()
    plan = models.CharField(max_length=31)
    hours = models.IntegerField()

    class Meta:
        db_table = "footprint_component_told"

    def __str__(self) -> str:
        return f"{self.source} {self.day}"


class ComponentRead(models.Model):
    """Which rows of use were read for a day; each is read once."""

    day = models.DateField(primary_key=True)
    uses = ArrayField(models.BigIntegerField())

    class Meta:
        db_table = "footprint_component_read"

    def __str__(self) -> str:
        return f"{self.day}: {len(self.uses)}"
