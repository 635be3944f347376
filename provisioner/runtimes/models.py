"""The Runtime row."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce, Lower

from controlplane.catalog.models import Plan
from controlplane.kernel.ids import uuid7
from controlplane.tenants.models import Account, TenantOwned
from provisioner.landscapes.models import Landscape
from provisioner.runtimes.phases import Phase
from provisioner.runtimes.querysets import RuntimeQuerySet


class Runtime(TenantOwned):
    """One managed, isolated Kubernetes cluster: `spec` is wanted, `status` is observed.

    `generation` counts wishes; `observed_generation` is the newest wish that an operation fulfilled. `revision` counts everything
    that people wrote, labels included: who knows the newest one overwrites nothing unseen.
    Phases move as `provisioner.runtimes.phases` says, and only together with an operation.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    landscape = models.ForeignKey(Landscape, models.PROTECT, related_name="+")
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="+")
    name = models.CharField(max_length=64)
    cluster_name = models.CharField(
        max_length=63
    )  # its name in the landscape; never reused while it may exist there
    region = models.CharField(max_length=64)
    labels = models.JSONField(default=dict)

    spec = models.JSONField(default=dict)
    cluster_spec = models.JSONField(default=dict)
    # PostgreSQL itself reads these out of `spec` and `status`, so that no writer can forget them: fleets are counted by them.
    release_key = models.GeneratedField(
        expression=Coalesce(KT("spec__release__key"), Value(""), output_field=models.TextField()),
        output_field=models.CharField(max_length=31),
        db_persist=True,
    )
    channel = models.GeneratedField(
        expression=Coalesce(KT("spec__parameters__channel"), Value(""), output_field=models.TextField()),
        output_field=models.CharField(max_length=31),
        db_persist=True,
    )
    situation = models.GeneratedField(
        expression=Coalesce(KT("status__situation"), Value(""), output_field=models.TextField()),
        output_field=models.CharField(max_length=31),
        db_persist=True,
    )
    # The Kubernetes version that was seen, where it is not its release's: a trigger writes it, whoever writes the two.
    kubernetes_apart = models.CharField(max_length=31, blank=True, default="", db_default="", editable=False)
    # The release that its people keep it on, whatever its channel does, until that release's end of life; empty: none.
    pinned = models.CharField(max_length=31, blank=True, default="", db_default="")
    generation = models.BigIntegerField(default=1)
    observed_generation = models.BigIntegerField(default=0)
    # When people could use it for the first time: a trigger writes it with the first `ready`, and nobody ever again.
    first_ready_at = models.DateTimeField(null=True, editable=False)
    # The database has the default too: while a deploy goes on, processes that don't know the column insert as well.
    revision = models.BigIntegerField(default=1, db_default=1)

    phase = models.CharField(
        max_length=16, choices=[(p.value, p.value) for p in Phase], default=Phase.PENDING
    )
    # What it counts for in its tenant's quota, its pools at their largest; nothing while it is suspended, null: not counted.
    quota_vcpu = models.PositiveIntegerField(null=True)
    quota_memory_gib = models.DecimalField(null=True, max_digits=14, decimal_places=3)
    quota_gpus = models.PositiveIntegerField(null=True)
    # The reasons that hold it suspended (`phases.Suspension`), sorted; with any of them nothing of it is to run.
    suspended_for = models.JSONField(default=list, db_default=[])
    message = models.CharField(max_length=500, blank=True)  # what a person should know about the phase
    status = models.JSONField(default=dict)  # what the observer saw: see drivers.base.Observed
    status_at = models.DateTimeField(null=True)  # when the observer last wrote it
    landscape_version = models.CharField(max_length=64, blank=True)  # resourceVersion of that sight

    created_by = models.CharField(max_length=160)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True)

    objects: ClassVar[RuntimeQuerySet] = RuntimeQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            # A name may come back only when its runtime is gone.
            models.UniqueConstraint(
                "account",
                Lower("name"),
                condition=Q(deleted_at__isnull=True),
                name="runtime_name_once_per_account",
            ),
            # Two rows must never fight over one cluster.
            models.UniqueConstraint(
                fields=["landscape", "cluster_name"],
                condition=Q(deleted_at__isnull=True),
                name="runtime_cluster_name_once_per_landscape",
            ),
            models.CheckConstraint(
                condition=Q(phase__in=[p.value for p in Phase]), name="runtime_phase_is_known"
            ),
            models.CheckConstraint(
                condition=Q(observed_generation__lte=models.F("generation")),
                name="runtime_never_ahead_of_its_wish",
            ),
            # A runtime counts with all three numbers or not at all.
            models.CheckConstraint(
                condition=Q(quota_vcpu__isnull=True, quota_memory_gib__isnull=True, quota_gpus__isnull=True)
                | Q(quota_vcpu__isnull=False, quota_memory_gib__isnull=False, quota_gpus__isnull=False),
                name="runtime_counts_whole",
            ),
            # deprovisioned and deleted_at say the same thing.
            models.CheckConstraint(
                condition=Q(phase="deprovisioned", deleted_at__isnull=False)
                | (~Q(phase="deprovisioned") & Q(deleted_at__isnull=True)),
                name="runtime_gone_has_a_date",
            ),
        ]
        indexes = [
            # Keyset pages of one tenant, newest first (ids are time-ordered).
            models.Index(fields=["tenant", "-id"], name="runtime_pages_of_tenant"),
            models.Index(fields=["tenant", "phase", "-id"], name="runtime_phases_of_tenant"),
            models.Index(fields=["landscape", "cluster_name"], name="runtime_by_cluster"),
            # Who runs a release, and who follows a channel: histograms, rollouts' selections, what is due at an end of life.
            models.Index(
                fields=["release_key", "id"],
                condition=Q(deleted_at__isnull=True),
                name="runtime_by_release",
            ),
            models.Index(
                fields=["channel", "id"], condition=Q(deleted_at__isnull=True), name="runtime_by_channel"
            ),
            # Who follows a channel that has gone on without it.
            models.Index(
                fields=["channel", "release_key", "id"],
                condition=Q(deleted_at__isnull=True, pinned=""),
                name="runtime_of_channel",
            ),
            models.Index(
                fields=["pinned", "-id"],
                condition=Q(deleted_at__isnull=True) & ~Q(pinned=""),
                name="runtime_by_pin",
            ),  # whom its own people keep on a release: few, and asked for on that release's page
            models.Index(
                fields=["kubernetes_apart", "release_key", "-id"],
                condition=Q(deleted_at__isnull=True) & ~Q(kubernetes_apart=""),
                name="runtime_kubernetes_apart",
            ),  # who runs another Kubernetes than their release: those who are upgraded just now, and who failed on the way
            # Who was ready lately: those who wait for new ones need not look at all.
            models.Index(
                fields=["first_ready_at"],
                condition=Q(deleted_at__isnull=True),
                name="runtime_by_first_ready",
            ),
            GinIndex(fields=["labels"], opclasses=["jsonb_path_ops"], name="runtime_labels"),
            # The platform team's lists, over all tenants.
            models.Index(fields=["phase", "-id"], name="runtime_pages_of_phase"),
            models.Index(fields=["region", "-id"], name="runtime_pages_of_region"),
            models.Index(
                fields=["situation", "-id"],
                condition=Q(deleted_at__isnull=True),
                name="runtime_pages_of_situation",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def was_ready(self) -> bool:
        """Whether people could ever use it: a wish that was fulfilled may have been to rest, and says nothing of that."""
        return self.first_ready_at is not None


class FleetCount(models.Model):
    """So many runtimes more, or fewer, stand alike: written by a trigger, read through `runtimes.counting`."""

    phase = models.CharField(max_length=16)
    release_key = models.CharField(max_length=31)
    situation = models.CharField(max_length=31)
    runtimes = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.phase} {self.release_key} {self.situation}: {self.runtimes}"
