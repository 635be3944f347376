"""Months rated with other prices, because somebody asked: the question, how far it has come, and each tenant's answer."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from controlplane.kernel.ids import uuid7
from controlplane.tenants.jobs import IS_OPEN, Job, JobState

NOT_ACTIVE = " (not active)"


class WhatIf(Job):
    """A question: what would a month have cost every tenant with this book; one whose worker died goes on from where it stood."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=8)  # book or proposal
    subject = models.CharField(max_length=60)  # key and version, or the proposal's id
    title = models.CharField(max_length=60)  # key and version, with NOT_ACTIVE behind those of a proposal
    document: models.JSONField[dict[str, Any], dict[str, Any]] = (
        models.JSONField()
    )  # the book, as it was then
    month = models.DateField()
    instead_of = models.CharField(max_length=39, blank=True)  # a book's key; "" for every book
    tenants = models.PositiveIntegerField(default=0)  # that are to be rated, as far as is known
    rated = models.PositiveIntegerField(default=0)
    reached = models.CharField(max_length=63, blank=True)  # slug of the last one that was rated
    created_at = models.DateTimeField()

    class Meta:
        db_table = "books_what_if"
        constraints = [
            models.CheckConstraint(condition=Q(month__day=1), name="books_what_if_month_begins"),
            models.CheckConstraint(
                condition=Q(state__in=JobState.values), name="books_what_if_state_is_known"
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=IS_OPEN, name="books_what_if_due"),
        ]

    @property
    def book(self) -> str:
        """Return the key and version that are tried; of a proposal those that it would become."""
        return self.title.removesuffix(NOT_ACTIVE)

    @property
    def proposal(self) -> str | None:
        """Return the proposal's id, None for a book."""
        return self.subject if self.kind == "proposal" else None

    def __str__(self) -> str:
        return f"{self.title} in {self.month:%Y-%m}"


class WhatIfAnswer(models.Model):
    """One tenant's month by both prices; `moved` has its largest changes: [meter, dimension, change]."""

    pk = models.CompositePrimaryKey("what_if", "slug")
    what_if = models.ForeignKey(WhatIf, models.CASCADE, related_name="answers", db_index=False)
    slug = models.CharField(max_length=63)  # the tenant's
    currency = models.CharField(max_length=3)
    before = models.DecimalField(max_digits=20, decimal_places=6)
    after = models.DecimalField(max_digits=20, decimal_places=6)
    change = models.DecimalField(max_digits=20, decimal_places=6)
    moved: models.JSONField[list[Any], list[Any]] = models.JSONField()
    problems: models.JSONField[list[str], list[str]] = models.JSONField()

    class Meta:
        db_table = "books_what_if_answer"

    def __str__(self) -> str:
        return f"{self.slug}: {self.change}"
