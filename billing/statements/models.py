"""Statements and what stands in them. PostgreSQL refuses to change what is sealed, whoever asks: see the migrations."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from billing.pricing.types import Category
from controlplane.kernel.ids import uuid7
from controlplane.tenants.models import Tenant, TenantOwned


class State(models.TextChoices):
    """draft → sealed, and nothing else."""

    DRAFT = "draft"
    SEALED = "sealed"


class Statement(TenantOwned):
    """One month of one tenant. A draft may be made anew at any time; a sealed one has a number and a digest."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False)
    month = models.DateField()
    state = models.CharField(max_length=6, choices=State.choices, default=State.DRAFT)
    number = models.PositiveIntegerField(null=True)  # 1, 2, 3 of its tenant, in the order of sealing
    currency = models.CharField(max_length=3)
    total = models.DecimalField(max_digits=20, decimal_places=6)
    charges_count = models.PositiveIntegerField()
    input_digest = models.CharField(max_length=64)  # SHA-256 of everything that was rated
    lines_digest = models.CharField(max_length=64)  # of the lines
    digest = models.CharField(max_length=64, blank=True)  # of all that, once sealed
    books: models.JSONField[dict[str, str], dict[str, str]] = (
        models.JSONField()
    )  # {key/version: content hash}
    engine_version = models.CharField(max_length=16)
    usage_bound = models.DateTimeField()  # what was stored until then is in it
    alive_seconds = models.BigIntegerField()
    observed_seconds = models.BigIntegerField()
    inferred_seconds = models.BigIntegerField()
    unknown_seconds = models.BigIntegerField()
    drawn: models.JSONField[list[Any], list[Any]] = models.JSONField()  # what became of each credit grant
    # How much more, or less, closed months draw by its corrections: {"month", "grant", "by"}.
    redrawn: models.JSONField[list[Any], list[Any]] = models.JSONField(default=list)
    commitments: models.JSONField[list[Any], list[Any]] = models.JSONField()  # used and unused
    problems: models.JSONField[list[Any], list[Any]] = models.JSONField()  # what could not be rated
    names: models.JSONField[dict[str, str], dict[str, str]] = (
        models.JSONField()
    )  # of accounts and runtimes, by id
    drafted_at = models.DateTimeField()
    sealed_at = models.DateTimeField(null=True)
    sealed_by = models.CharField(max_length=160, blank=True)

    class Meta:
        constraints = [
            # A month is billed once.
            models.UniqueConstraint(fields=["tenant", "month"], name="statements_one_a_month"),
            # Numbers have no double; they are given under the tenant's lock, so they have no gap either.
            models.UniqueConstraint(fields=["tenant", "number"], name="statements_number_once"),
            models.CheckConstraint(condition=Q(month__day=1), name="statements_month_begins"),
            models.CheckConstraint(condition=Q(state__in=State.values), name="statements_state_is_known"),
            # Sealed means: complete, numbered, hashed.
            models.CheckConstraint(
                condition=Q(state="draft", number__isnull=True, sealed_at__isnull=True, digest="")
                | Q(
                    state="sealed",
                    number__gte=1,
                    sealed_at__isnull=False,
                    digest__regex="^[0-9a-f]{64}$",
                    problems=[],
                ),
                name="statements_sealed_is_whole",
            ),
            # Every second of every runtime is seen, inferred or known to be unknown.
            models.CheckConstraint(
                condition=Q(
                    alive_seconds=F("observed_seconds") + F("inferred_seconds") + F("unknown_seconds")
                ),
                name="statements_time_is_accounted_for",
            ),
        ]
        indexes = [
            # What is still open: few, asked by every tick.
            models.Index(fields=["month"], condition=Q(state="draft"), name="statements_drafts"),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.month:%Y-%m}"


class Inputs(TenantOwned):
    """What a sealed statement was rated from, as compressed canonical JSON; its SHA-256 is the statement's input digest."""

    statement = models.OneToOneField(Statement, models.PROTECT, primary_key=True, related_name="inputs")
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False)
    document = models.BinaryField()

    def __str__(self) -> str:
        return f"inputs of {self.statement_id}"


class Charge(TenantOwned):
    """One line of a statement, as rating made it; see `billing.pricing.types.Line`."""

    pk = models.CompositePrimaryKey("statement", "line_id")
    # Triggers keep it: a constraint would look it up for each of a hundred thousand lines.
    statement = models.ForeignKey(
        Statement, models.CASCADE, related_name="charges", db_index=False, db_constraint=False
    )
    tenant = models.ForeignKey(
        Tenant, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    line_id = models.CharField(max_length=24)
    position = models.PositiveIntegerField()  # among the lines of its statement, from 0
    category = models.CharField(max_length=10)
    charge_class = models.CharField(max_length=10, blank=True)
    account = models.UUIDField(null=True)  # null: the tenant's as a whole
    runtime = models.UUIDField(null=True)
    plan = models.CharField(max_length=31, blank=True)
    region = models.CharField(max_length=64, blank=True)
    meter = models.CharField(max_length=31, blank=True)
    dimension = models.CharField(max_length=120, blank=True)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    quantity = models.DecimalField(max_digits=45, decimal_places=15)
    unit = models.CharField(max_length=60, blank=True)
    consumed_quantity = models.DecimalField(max_digits=45, decimal_places=15)
    consumed_unit = models.CharField(max_length=60, blank=True)
    base_quantity = models.DecimalField(max_digits=38, decimal_places=0)
    list_unit_price = models.DecimalField(max_digits=60, decimal_places=30)  # an exact product of three
    contracted_unit_price = models.DecimalField(max_digits=60, decimal_places=30)
    list_cost = models.DecimalField(max_digits=20, decimal_places=6)
    contracted_cost = models.DecimalField(max_digits=20, decimal_places=6)
    billed_cost = models.DecimalField(max_digits=20, decimal_places=6)
    effective_cost = models.DecimalField(max_digits=20, decimal_places=6)
    currency = models.CharField(max_length=3)
    book = models.CharField(max_length=39, blank=True)
    book_version = models.PositiveIntegerField()
    price_line = models.CharField(max_length=100, blank=True)
    part = models.CharField(max_length=60, blank=True)
    commitment = models.CharField(max_length=36, blank=True)
    commitment_status = models.CharField(max_length=6, blank=True)
    credit = models.CharField(max_length=60, blank=True)
    observed_seconds = models.BigIntegerField()
    alive_seconds = models.BigIntegerField()
    description = models.TextField(blank=True)
    origin_month = models.DateField(null=True)  # of a correction: the month that it mends
    # Of a correction in another currency than the month it mends: its costs there.
    booked_as: models.JSONField[Any, Any] = models.JSONField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(category__in=[str(category) for category in Category]),
                name="statements_charge_category",
            ),
            # A correction says which month it mends, nothing else does.
            models.CheckConstraint(
                condition=Q(charge_class="", origin_month__isnull=True)
                | Q(charge_class="Correction", origin_month__isnull=False),
                name="statements_charge_correction",
            ),
        ]

    def __str__(self) -> str:
        return self.line_id


class Adjustment(TenantOwned):
    """An amount that FinOps gives back or adds, with a reason; it stands in the next statement that is sealed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    category = models.CharField(max_length=10)
    amount = models.DecimalField(max_digits=20, decimal_places=6)  # negative: given back
    currency = models.CharField(max_length=3)
    title = models.CharField(max_length=120)
    reason = models.CharField(max_length=500)
    made_by = models.CharField(max_length=160)
    created_at = models.DateTimeField(db_default=Now())
    withdrawn_at = models.DateTimeField(null=True)
    statement = models.ForeignKey(Statement, models.PROTECT, null=True, related_name="adjustments")

    class Meta:
        constraints = [
            # A credit gives, an adjustment may do either; nothing adjusts by nothing.
            models.CheckConstraint(
                condition=Q(category="Credit", amount__lt=0) | Q(category="Adjustment") & ~Q(amount=0),
                name="statements_adjustment_amount",
            ),
            # What was billed is not withdrawn.
            models.CheckConstraint(
                condition=Q(statement__isnull=True) | Q(withdrawn_at__isnull=True),
                name="statements_adjustment_billed_or_withdrawn",
            ),
        ]
        indexes = [
            # What waits for a tenant's next statement.
            models.Index(
                fields=["tenant"],
                condition=Q(statement__isnull=True, withdrawn_at__isnull=True),
                name="statements_adjustment_open",
            ),
        ]

    def __str__(self) -> str:
        return self.title
