"""The rows of the operations' room."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from controlplane.kernel.ids import uuid7
from controlplane.tenants.models import Tenant, TenantOwned
from provisioner.landscapes.models import Landscape
from provisioner.operations.moves import OPEN, Slot, State
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind

_OPEN = sorted(s.value for s in OPEN)


class Operation(TenantOwned):
    """Durable work on one runtime; its legal moves are `provisioner.operations.moves.MOVES`.

    A worker owns the row while `lease_until` is in the future; `fence` grows with every claim, and every write of a worker
    is guarded by the fence it got, so a late worker changes nothing. Queued and running operations are due: what waits for a
    moment, or for the landscape, is `waiting` and out of the claim's way.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Each of these is the first column of an index below, or asked for by none.
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False)
    runtime = models.ForeignKey(Runtime, models.PROTECT, related_name="operations", db_index=False)
    landscape = models.ForeignKey(Landscape, models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=16, choices=[(k.value, k.value) for k in Kind])
    generation = models.BigIntegerField()  # the newest wish that it fulfils
    input = models.JSONField(default=dict)
    kept = models.JSONField(
        default=dict, db_default={}
    )  # what its steps noted, for later ones and for people
    requested_by = models.CharField(max_length=160)
    request_id = models.CharField(max_length=64, blank=True)

    state = models.CharField(max_length=16, choices=[(s.value, s.value) for s in State], default=State.QUEUED)
    slot = models.CharField(max_length=8, null=True, choices=[(s.value, s.value) for s in Slot])  # noqa: DJ001 - null: closed
    # People can use the runtime; what is left to do comes behind everybody's work for runtimes that they can't use yet.
    background = models.BooleanField(default=False, db_default=False)
    step = models.CharField(max_length=64)  # a name, never a position
    # [{"step", "at", "seconds", "skipped"?: reason, "failed"?: why the operation went on without it}]
    steps_done = models.JSONField(default=list)
    attempts = models.PositiveIntegerField(
        default=0
    )  # of the current step; the claim counts, so a crash counts
    reason = models.CharField(max_length=500, blank=True)  # why it waits, in words for people
    progress = models.PositiveSmallIntegerField(default=0)  # percent

    share = models.FloatField(default=0)  # fair-share key: claims go in its order (start-time fair queueing)
    due_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    fence = models.BigIntegerField(default=0)  # of the newest claim; 0: never claimed
    wakes = models.BigIntegerField(
        default=0
    )  # how often the observer called; a wait that missed one ends at once
    cancel_requested_at = models.DateTimeField(null=True)
    cancel_reason = models.CharField(max_length=300, blank=True)
    pause_requested_at = models.DateTimeField(null=True)

    step_deadline = models.DateTimeField(null=True)
    deadline = models.DateTimeField()
    error_class = models.CharField(max_length=16, blank=True)  # retry, fatal, deadline, crash, refused
    error_code = models.CharField(max_length=64, blank=True)
    error_message = models.CharField(max_length=1000, blank=True)
    error_audience = models.CharField(max_length=16, blank=True)  # tenant or sre: who can act

    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    step_started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    upgrade_told_at = models.DateTimeField(null=True)  # when people were told how an upgrade ended

    class Meta:
        constraints = [
            # One active operation per runtime, and at most one wish behind it.
            models.UniqueConstraint(
                fields=["runtime", "slot"], condition=Q(slot__isnull=False), name="operation_one_per_slot"
            ),
            # Open operations hold a slot, closed ones do not.
            models.CheckConstraint(
                condition=Q(state__in=_OPEN, slot__isnull=False, finished_at__isnull=True)
                | (~Q(state__in=_OPEN) & Q(slot__isnull=True, finished_at__isnull=False)),
                name="operation_open_holds_a_slot",
            ),
            # What waits behind another has not begun.
            models.CheckConstraint(
                condition=~Q(slot="next") | Q(state="queued"), name="operation_next_is_queued"
            ),
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in State]), name="operation_state_is_known"
            ),
            models.CheckConstraint(condition=Q(progress__lte=100), name="operation_progress_is_percent"),
        ]
        indexes = [
            # The claim: in order of fair share.
            models.Index(
                fields=["share", "due_at"],
                condition=Q(slot="active", state__in=["queued", "running"], background=False),
                name="operation_claim_first",
            ),
            # The claim of what goes on in the background.
            models.Index(
                fields=["share", "due_at"],
                condition=Q(slot="active", state__in=["queued", "running"], background=True),
                name="operation_claim_behind",
            ),
            # The sweep: waits whose time has come.
            models.Index(
                fields=["due_at"], condition=Q(slot="active", state="waiting"), name="operation_sweep"
            ),
            # A tenant's last place in the queue.
            models.Index(
                fields=["tenant", "share"],
                condition=Q(slot="active", state__in=["queued", "running"], background=False),
                name="operation_tail_of_tenant",
            ),
            # A tenant's last place in the background.
            models.Index(
                fields=["tenant", "share"],
                condition=Q(slot="active", state__in=["queued", "running"], background=True),
                name="operation_tail_behind",
            ),
            # The sweep: wishes that nobody started.
            models.Index(fields=["runtime"], condition=Q(slot="next"), name="operation_next"),
            # How long a step usually takes.
            models.Index(
                fields=["kind", "-finished_at"], condition=Q(state="succeeded"), name="operation_recent"
            ),
            # Upgrades of whose end nobody was told yet.
            models.Index(
                fields=["finished_at"],
                condition=Q(kind="upgrade", state__in=["succeeded", "failed"], upgrade_told_at__isnull=True),
                name="operation_upgrade_untold",
            ),
            # What ended lately of a tenant that listens.
            models.Index(
                fields=["tenant", "finished_at"],
                condition=Q(finished_at__isnull=False),
                name="operation_ended_of_tenant",
            ),
            models.Index(fields=["runtime", "-id"], name="operation_of_runtime"),
            models.Index(fields=["tenant", "-id"], name="operation_pages_of_tenant"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


COLUMNS = ", ".join(f'"{field.column}"' for field in Operation._meta.concrete_fields)  # noqa: SLF001 - Django's own way to ask


class OperationAttempt(TenantOwned):
    """One run of one step: kept for ever, so that a person can see what happened."""

    # Its operation's own keys guard it; to check the tenant's row at every step would make all workers queue for that row.
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    operation = models.ForeignKey(Operation, models.CASCADE, related_name="step_attempts", db_index=False)
    step = models.CharField(max_length=64)
    number = models.PositiveIntegerField()
    fence = models.BigIntegerField()
    outcome = models.CharField(max_length=16)  # done, wait, retry, fatal, skipped
    error_class = models.CharField(max_length=64, blank=True)
    error_code = models.CharField(max_length=64, blank=True)
    message = models.CharField(max_length=1000, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["operation", "id"], name="attempt_of_operation")]

    def __str__(self) -> str:
        return f"{self.step} #{self.number}: {self.outcome}"
