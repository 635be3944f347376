"""Budgets and what became of them, and days that were out of the ordinary.

An account is named by its id alone: it may move to another tenant, and what was said about it stays where it was said.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from controlplane.kernel.ids import uuid7
from controlplane.tenants.models import TenantOwned


class Kind(models.TextChoices):
    """What a budget bounds."""

    AMOUNT = "amount", "money"
    CARBON = "carbon", "carbon"


class Basis(models.TextChoices):
    """What an alert looks at."""

    ACTUAL = "actual", "spent"
    FORECAST = "forecast", "expected by the month's end"


class AnomalyState(models.TextChoices):
    """OPEN goes to DISMISSED by a person, to SETTLED once late usage made the day ordinary, and from there back likewise."""

    OPEN = "open", "open"
    DISMISSED = "dismissed", "dismissed"
    SETTLED = "settled", "settled"


class Budget(TenantOwned):
    """So much a calendar month of UTC, of the tenant or of one account."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.UUIDField(null=True)  # null: the whole tenant
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.AMOUNT)
    amount = models.DecimalField(max_digits=20, decimal_places=6)  # grams of CO2e where it bounds carbon
    currency = models.CharField(max_length=3, blank=True)  # "" where it bounds carbon
    thresholds = ArrayField(models.PositiveSmallIntegerField())  # per cent of what is spent
    forecast_thresholds = ArrayField(models.PositiveSmallIntegerField())  # per cent of what is expected
    hard_stop = models.BooleanField(default=False)  # no new runtimes once it is used up
    revision = models.IntegerField(default=1)
    created_by = models.CharField(max_length=160)
    created_at = models.DateTimeField(auto_now_add=True)
    # Whose turn it is; of one that was just set it is at once, should looking at it have failed then.
    due_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # Nothing is ever within a budget of nothing.
            models.CheckConstraint(condition=Q(amount__gt=0), name="costs_budget_amount"),
            # Money has a currency; grams have none.
            models.CheckConstraint(
                condition=Q(kind=Kind.AMOUNT, currency__regex=r"^[A-Z]{3}$")
                | Q(kind=Kind.CARBON, currency=""),
                name="costs_budget_currency",
            ),
            # Two of one name could not be told apart in a letter.
            models.UniqueConstraint(fields=["tenant", "name"], name="costs_budget_name_once"),
        ]
        indexes = [models.Index(fields=["due_at"], name="costs_budget_due")]

    def __str__(self) -> str:
        return self.name


class BudgetMonth(TenantOwned):
    """How a budget stood in a month when it was last looked at."""

    budget = models.ForeignKey(Budget, models.CASCADE, related_name="months", db_index=False)
    month = models.DateField()  # its first day
    spent = models.DecimalField(max_digits=20, decimal_places=6)
    expected = models.DecimalField(max_digits=20, decimal_places=6, null=True)  # null: too little history
    low = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    high = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    # Why not all of it could be reckoned, and the figures are what was known last; "" mostly.
    problem = models.CharField(max_length=200, blank=True)
    checked_at = models.DateTimeField()

    class Meta:
        db_table = "costs_budget_month"
        constraints = [
            models.UniqueConstraint(fields=["budget", "month"], name="costs_budget_month_once"),
            models.CheckConstraint(condition=Q(month__day=1), name="costs_budget_month_begins"),
            # A forecast has its interval.
            models.CheckConstraint(
                condition=Q(expected__isnull=True, low__isnull=True, high__isnull=True)
                | Q(low__lte=F("expected"), high__gte=F("expected")),
                name="costs_budget_month_interval",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.budget_id} {self.month}"


class BudgetAlert(TenantOwned):
    """A threshold that was passed: told once a month, however often it is passed and whoever notices."""

    budget = models.ForeignKey(Budget, models.CASCADE, related_name="alerts", db_index=False)
    month = models.DateField()
    basis = models.CharField(max_length=8, choices=Basis.choices)
    threshold = models.PositiveSmallIntegerField()
    value = models.DecimalField(max_digits=20, decimal_places=6)
    amount = models.DecimalField(max_digits=20, decimal_places=6)  # the budget's, then
    told = models.PositiveSmallIntegerField(default=0, db_default=0)  # letters that went out
    noticed_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "costs_budget_alert"
        constraints = [
            # Two beats that notice it at once write one letter.
            models.UniqueConstraint(
                fields=["budget", "month", "basis", "threshold"], name="costs_budget_alert_once_a_month"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.budget_id} {self.month} {self.threshold}"


class Anomaly(TenantOwned):
    """A runtime's day out of its own ordinary: what it was worth, what it usually is, and which meters moved."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.UUIDField()
    runtime = models.UUIDField()
    day = models.DateField()
    worth = models.DecimalField(max_digits=20, decimal_places=6)
    usual = models.DecimalField(max_digits=20, decimal_places=6)
    currency = models.CharField(max_length=3)
    score = models.DecimalField(max_digits=12, decimal_places=2)
    compared = models.PositiveSmallIntegerField()
    same_weekday = models.BooleanField()
    moved = models.JSONField()  # [{meter, dimension, worth, usual}], the largest change first
    state = models.CharField(max_length=12, choices=AnomalyState.choices, default=AnomalyState.OPEN)
    reason = models.CharField(max_length=300, blank=True)  # why it was dismissed
    answered_by = models.CharField(max_length=160, blank=True)
    answered_at = models.DateTimeField(null=True)
    found_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # Told once, however often its day is computed anew.
            models.UniqueConstraint(fields=["tenant", "runtime", "day"], name="costs_anomaly_once_a_day"),
            # Whoever waves it away says why.
            models.CheckConstraint(
                condition=~Q(state=AnomalyState.DISMISSED) | ~Q(reason=""), name="costs_anomaly_reason"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "day"], name="costs_anomaly_of_tenant")]

    def __str__(self) -> str:
        return f"{self.runtime} {self.day}"


class DirtyDay(models.Model):
    """Runtimes whose finished day came out different: a row a statement, appended by a trigger, so that no roll-up waits."""

    day = models.DateField()
    sources = ArrayField(models.IntegerField())

    class Meta:
        db_table = "costs_dirty_day"

    def __str__(self) -> str:
        return f"{self.day}: {len(self.sources)}"
