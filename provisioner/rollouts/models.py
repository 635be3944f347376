"""The rows of the rollouts' room. The platform's: tenants see of them what concerns their own runtimes."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from controlplane.kernel.ids import uuid7
from provisioner.landscapes.models import Landscape
from provisioner.operations.models import Operation
from provisioner.rollouts.campaign_models import Approval, Gate, Rollout, Stage
from provisioner.rollouts.schedule_models import Exclusion, MaintenanceWindow, PutOff
from provisioner.rollouts.states import ACTIVE, TargetState
from provisioner.runtimes.models import Runtime

__all__ = [
    "Approval",
    "EmergencyStop",
    "Exclusion",
    "Gate",
    "HealthPoint",
    "Lane",
    "MaintenanceWindow",
    "PutOff",
    "Rollout",
    "Stage",
    "Tally",
    "Target",
    "Waiver",
]


class Lane(models.Model):
    """Targets that share every limit: one stage, group, landscape and region; counted by the trigger `rollouts_count`."""

    rollout = models.ForeignKey(Rollout, models.CASCADE, related_name="+", db_index=False)
    stage = models.ForeignKey(Stage, models.CASCADE, related_name="lanes")
    group = models.CharField(max_length=40, blank=True)
    landscape = models.ForeignKey(Landscape, models.PROTECT, related_name="+", db_index=False)
    region = models.CharField(max_length=64)
    planned = models.IntegerField(default=0)
    waiting = models.IntegerField(default=0)
    blocked = models.IntegerField(default=0)
    ready = models.IntegerField(default=0)
    active = models.IntegerField(default=0)  # starting and running
    succeeded = models.IntegerField(default=0)
    failed = models.IntegerField(default=0)
    blamed = models.IntegerField(default=0)  # of the failed: those that count against the budget
    skipped = models.IntegerField(default=0)
    left_behind = models.IntegerField(default=0)
    gone = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rollout", "stage", "group", "landscape", "region"], name="lane_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stage_id} {self.group} {self.region}"


class Tally(models.Model):
    """How many targets of a stage are in a state for a reason; counted by the trigger `rollouts_count`.

    `code` is the reason's, or of a failure its signature; starting and running count together as `active`.
    """

    rollout = models.ForeignKey(Rollout, models.CASCADE, related_name="+", db_index=False)
    stage = models.ForeignKey(Stage, models.CASCADE, related_name="+")
    state = models.CharField(max_length=16)
    code = models.CharField(max_length=160, blank=True)
    targets = models.IntegerField(default=0)
    sample = models.CharField(max_length=500, blank=True)  # one of their reasons, in words
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rollout", "stage", "state", "code"], name="tally_once"),
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.code}: {self.targets}"


class Target(models.Model):
    """One runtime in one rollout; its legal moves are `states.TARGET_MOVES`. Whatever is not done has its reason here."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    rollout = models.ForeignKey(Rollout, models.CASCADE, related_name="targets", db_index=False)
    stage = models.ForeignKey(Stage, models.CASCADE, related_name="+", db_index=False)
    lane = models.ForeignKey(Lane, models.CASCADE, related_name="+", db_index=False)
    runtime = models.ForeignKey(Runtime, models.PROTECT, related_name="+", db_index=False)
    position = models.PositiveIntegerField()
    priority = models.SmallIntegerField(default=0)
    state = models.CharField(
        max_length=16, choices=[(s.value, s.value) for s in TargetState], default=TargetState.PLANNED
    )
    since = models.DateTimeField()  # of the present state
    reason_code = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    reason_until = models.DateTimeField(null=True)
    # What it said before a person had it tried again.
    reason_before = models.CharField(max_length=500, blank=True, default="", db_default="")
    # By how much it may wait longer than its stage's deadline says; null: tried again, and not looked at since.
    longer_seconds = models.FloatField(null=True, default=0.0, db_default=0.0)
    due_at = models.DateTimeField(null=True)  # waiting or blocked: when to look again
    closes_at = models.DateTimeField(null=True)  # ready: when its window closes
    release_before = models.CharField(max_length=63, blank=True)
    healthy_before = models.BooleanField(default=True)
    operation = models.ForeignKey(Operation, models.PROTECT, null=True, related_name="+", db_index=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=64, blank=True)
    error_audience = models.CharField(max_length=16, blank=True)
    signature = models.CharField(max_length=160, blank=True)  # code and step: what failures are grouped by
    blamed = models.BooleanField(default=False)  # counts against the budget
    noted_by = models.CharField(max_length=160, blank=True)  # who skipped it

    class Meta:
        constraints = [
            # A runtime is once in a rollout, and upgraded by one at a time.
            models.UniqueConstraint(fields=["rollout", "runtime"], name="target_once_per_rollout"),
            models.UniqueConstraint(
                fields=["runtime"],
                condition=Q(state__in=sorted(s.value for s in ACTIVE)),
                name="target_one_at_a_time",
            ),
            models.UniqueConstraint(fields=["rollout", "position"], name="target_once_per_position"),
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in TargetState]), name="target_state_is_known"
            ),
            # Only failures are blamed.
            models.CheckConstraint(
                condition=Q(blamed=False) | Q(state="failed"), name="target_blamed_failed"
            ),
            # Whoever waits is looked at again.
            models.CheckConstraint(
                condition=~Q(state__in=["waiting", "blocked"]) | Q(due_at__isnull=False),
                name="target_waits_with_a_date",
            ),
            # Whatever is not done says why.
            models.CheckConstraint(
                condition=~Q(
                    state__in=["planned", "waiting", "blocked", "ready", "failed", "left_behind", "skipped"]
                )
                | ~Q(reason_code=""),
                name="target_undone_has_a_reason",
            ),
        ]
        indexes = [
            # The claim: each lane's queue.
            models.Index(
                fields=["lane", "-priority", "position"], condition=Q(state="ready"), name="target_queue"
            ),
            models.Index(
                fields=["rollout", "due_at"], condition=Q(state__in=["waiting", "blocked"]), name="target_due"
            ),
            models.Index(fields=["since"], condition=Q(state="starting"), name="target_starting"),
            models.Index(fields=["rollout"], condition=Q(state="running"), name="target_running"),
            # Of those the few that are grouped over the fleet: pages ask every second.
            models.Index(
                fields=["rollout", "reason_code"],
                condition=Q(state="running", reason_code__in=["stuck", "paused"]),
                name="target_at_a_stand",
            ),
            models.Index(fields=["rollout", "state", "position"], name="target_pages_of_state"),
            models.Index(fields=["stage", "state", "position"], name="target_pages_of_stage"),
            models.Index(
                fields=["rollout", "signature", "position"],
                condition=Q(state="failed"),
                name="target_failures",
            ),
            models.Index(fields=["rollout", "reason_code", "position"], name="target_pages_of_reason"),
            models.Index(fields=["rollout", "-since"], name="target_feed"),
            models.Index(fields=["runtime", "-id"], name="target_of_runtime"),
            # What upgrades took lately.
            models.Index(
                F("finished_at").desc(),
                name="target_done_lately",
                condition=Q(state="succeeded", started_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.runtime_id}: {self.state}"


class HealthPoint(models.Model):
    """How many of both cohorts were unhealthy at a moment; written when that changed."""

    rollout = models.ForeignKey(Rollout, models.CASCADE, related_name="+", db_index=False)
    at = models.DateTimeField()
    upgraded = models.PositiveIntegerField()
    upgraded_unhealthy = models.PositiveIntegerField()
    control = models.PositiveIntegerField()
    control_unhealthy = models.PositiveIntegerField()

    class Meta:
        indexes = [models.Index(fields=["rollout", "-at"], name="health_of_rollout")]

    def __str__(self) -> str:
        return f"{self.upgraded_unhealthy}/{self.upgraded}"


class EmergencyStop(models.Model):
    """While one is engaged no rollout starts or goes on."""

    engaged_at = models.DateTimeField()
    engaged_by = models.CharField(max_length=160)
    reason = models.CharField(max_length=300)
    released_at = models.DateTimeField(null=True)
    released_by = models.CharField(max_length=160, blank=True)
    one = models.PositiveSmallIntegerField(default=1)

    class Meta:
        constraints = [
            # One brake for everything.
            models.UniqueConstraint(
                fields=["one"], condition=Q(released_at__isnull=True), name="emergency_stop_one_engaged"
            ),
        ]

    def __str__(self) -> str:
        return self.reason


class Waiver(models.Model):
    """Somebody answers by name for a runtime that stays behind, until a day."""

    runtime = models.ForeignKey(Runtime, models.CASCADE, related_name="+", db_index=False)
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
                fields=["runtime"], condition=Q(revoked_at__isnull=True), name="waiver_one_per_runtime"
            ),
        ]

    def __str__(self) -> str:
        return self.owner
