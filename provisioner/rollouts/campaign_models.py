"""The rows of a campaign: the rollout, its stages, the gates between."""

from __future__ import annotations

from django.db import models
from django.db.models import Q, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce

from controlplane.kernel.ids import uuid7
from provisioner.rollouts.states import RolloutState, StageState


class Rollout(models.Model):
    """A campaign; its legal moves are `states.ROLLOUT_MOVES`. Plan, release and selector are frozen once it has started."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=80)
    release_key = models.CharField(max_length=63)
    selector = models.CharField(max_length=2000)
    plan = models.JSONField(default=dict)  # as it was given: see `plan`
    # Of the plan, what tenants may read: whether its upgrades wait for their windows.
    windows = models.GeneratedField(
        expression=Coalesce(KT("plan__windows"), Value(""), output_field=models.TextField()),
        output_field=models.TextField(),
        db_persist=True,
    )
    limits = models.JSONField(
        default=dict
    )  # as they came out: {"concurrency": [[…scope, n]], "failures": […]}
    urgent = models.BooleanField(default=False)  # goes before every other one
    overlap = models.BooleanField(default=False)  # may share runtimes with others, and waits for them
    priority = models.IntegerField(default=0)
    state = models.CharField(
        max_length=16, choices=[(s.value, s.value) for s in RolloutState], default=RolloutState.DRAFT
    )
    hold = models.CharField(max_length=500, blank=True)  # why nothing begins: paused by whom, what tripped
    total = models.PositiveIntegerField(default=0)

    tokens = models.FloatField(default=0)  # of the start rate's bucket
    tokens_at = models.DateTimeField(null=True)
    breaker_looks = models.PositiveIntegerField(default=0)
    breaker_height = models.PositiveIntegerField(default=0)
    breaker_control_rate = models.FloatField(null=True)
    finish_low = models.DateTimeField(null=True)  # when it will be done, as it looked lately
    finish_likely = models.DateTimeField(null=True)
    finish_high = models.DateTimeField(null=True)
    finish_bound_by = models.CharField(max_length=40, blank=True, db_default="", default="")
    preview = models.JSONField(null=True)  # of a draft: what it would do, see `kept_preview`
    previewed_at = models.DateTimeField(null=True)
    looked_at = models.DateTimeField(null=True)  # health and progress, every few seconds
    still_since = models.DateTimeField(null=True)  # paused, halted or ending: no deadline goes on
    joined_at = models.DateTimeField(null=True)  # later members, every minute
    told_at = models.DateTimeField(null=True)  # tenants, that it comes
    closed_at = models.DateTimeField(null=True)  # by a person: what runs may end, and nothing else begins

    created_by = models.CharField(max_length=160)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in RolloutState]), name="rollout_state_is_known"
            ),
            # What ended has a date, and nothing else has.
            models.CheckConstraint(
                condition=Q(state__in=["aborted", "completed"], finished_at__isnull=False)
                | (~Q(state__in=["aborted", "completed"]) & Q(finished_at__isnull=True)),
                name="rollout_end_has_a_date",
            ),
        ]
        indexes = [
            # The tick: the few that are under way.
            models.Index(
                fields=["-urgent", "-priority", "id"],
                condition=Q(state__in=["running", "paused", "halted", "aborting"]),
                name="rollout_under_way",
            ),
            models.Index(fields=["state", "-id"], name="rollout_pages"),
        ]

    def __str__(self) -> str:
        return self.name


class Stage(models.Model):
    """One of the stages in series; its legal moves are `states.STAGE_MOVES`."""

    rollout = models.ForeignKey(Rollout, models.CASCADE, related_name="stages", db_index=False)
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=40)
    state = models.CharField(
        max_length=16, choices=[(s.value, s.value) for s in StageState], default=StageState.PENDING
    )
    hold = models.CharField(max_length=500, blank=True)
    total = models.PositiveIntegerField(default=0)
    deadline_seconds = (
        models.PositiveIntegerField()
    )  # from its beginning; whoever waits longer is left behind
    stood_seconds = models.FloatField(default=0.0, db_default=0.0)  # stood still since: by so much later
    since = models.DateTimeField(null=True)  # of the present state
    began_at = models.DateTimeField(null=True)
    passed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # Stages come one after another.
            models.UniqueConstraint(fields=["rollout", "position"], name="stage_once_per_position"),
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in StageState]), name="stage_state_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Gate(models.Model):
    """What must be so before a stage begins, or the rollout goes on behind it."""

    stage = models.ForeignKey(Stage, models.CASCADE, related_name="gates", db_index=False)
    side = models.CharField(max_length=8, choices=[("before", "before"), ("after", "after")])
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=40)  # a file of `gates`
    settings = models.JSONField(default=dict)
    open = models.BooleanField(default=False)
    reason = models.CharField(max_length=300, blank=True)
    until = models.DateTimeField(null=True)
    since = models.DateTimeField(null=True)  # when its turn came
    opened_at = models.DateTimeField(null=True)
    opened_by = models.CharField(max_length=160, blank=True)  # who forced it; empty: it opened by itself

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["stage", "side", "position"], name="gate_once_per_position"),
        ]

    def __str__(self) -> str:
        return self.kind


class Approval(models.Model):
    """One person's yes to one gate."""

    gate = models.ForeignKey(Gate, models.CASCADE, related_name="approvals", db_index=False)
    by = models.CharField(max_length=160)
    person = models.UUIDField(null=True)  # whose yes it is, also by a token; kept when the person is gone
    at = models.DateTimeField()
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            # Two approvals are two people's.
            models.UniqueConstraint(fields=["gate", "by"], name="approval_once_per_person"),
            # Whatever name they come under.
            models.UniqueConstraint(
                fields=["gate", "person"], condition=Q(person__isnull=False), name="approval_once_per_user"
            ),
        ]

    def __str__(self) -> str:
        return self.by
