"""The rows of the modules room: one per runtime and module, and when each runtime's modules are looked at next."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from controlplane.kernel.ids import uuid7
from provisioner.modules.kept import Health, State
from provisioner.runtimes.models import Runtime


class RuntimeModule(models.Model):
    """One module of one runtime, as wanted and as seen; the wish itself stands in the runtime's `cluster_spec`.

    It is its tenant's as the runtime is: who sees that sees this.

    States move as `provisioner.modules.kept` says; the row goes when the module does. `inventory` lists every object that we may
    have put into the cluster for it: [apiVersion, kind, name, namespace].
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    runtime = models.ForeignKey(Runtime, models.CASCADE, related_name="+")
    key = models.CharField(max_length=63)
    version = models.CharField(max_length=63)
    implementation = models.CharField(max_length=63)
    settings = models.JSONField(default=dict)
    state = models.CharField(max_length=16, choices=[(one.value, one.value) for one in State])
    health = models.CharField(max_length=16, choices=[(one.value, one.value) for one in Health])
    observed_version = models.CharField(max_length=63, blank=True)
    digest = models.CharField(max_length=16, blank=True)
    inventory = models.JSONField(default=list)
    drift = models.JSONField(default=list)
    message = models.CharField(max_length=500, blank=True)
    generation = (
        models.BigIntegerField()
    )  # the wish for which it was last written: late writers don't overwrite
    since = models.DateTimeField()  # when state or health last changed
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            # Two rows would be two inventories, and each would prune what the other keeps.
            models.UniqueConstraint(fields=["runtime", "key"], name="module_once_per_runtime"),
            models.CheckConstraint(
                condition=Q(state__in=[one.value for one in State]), name="module_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(health__in=[one.value for one in Health]), name="module_health_is_known"
            ),
        ]
        indexes = [
            # Which runtimes have which version of a module, and how they are: fleets are counted by it.
            models.Index(fields=["key", "version", "health"], name="module_by_version"),
        ]

    def __str__(self) -> str:
        return f"{self.runtime_id}/{self.key}"


class Inspection(models.Model):
    """When a runtime's modules are looked at next, whether anything changed or not."""

    runtime = models.OneToOneField(Runtime, models.CASCADE, primary_key=True, related_name="+")
    due_at = models.DateTimeField()
    looked_at = models.DateTimeField(null=True)
    rounds = models.PositiveSmallIntegerField(default=0)  # in a row that found drift: ever less often mended
    # Looks in a row that found all in order: the next one is ever later.
    quiet = models.PositiveSmallIntegerField(default=0, db_default=0)
    problem = models.CharField(max_length=300, blank=True)  # what kept the last look from its end

    class Meta:
        indexes = [
            # The tick.
            models.Index(fields=["due_at"], name="module_inspection_due"),
        ]

    def __str__(self) -> str:
        return f"{self.runtime_id} at {self.due_at}"
