"""Prices, and what tenants agreed about them. Days begin at 00:00 UTC and every stretch of days is half-open."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value

from billing.books import what_if_models  # noqa: F401 - Django finds them here
from controlplane.kernel.ids import uuid7
from controlplane.tenants.models import TenantOwned

CURRENCY = r"^[A-Z]{3}$"


def same(column: str, *, of: str = "text") -> tuple[Func, str]:
    """Compare a column for equality in an exclusion constraint: its hash as a range of one number.

    Equality of texts has no GiST index without an extension. Two values of one hash (1 in 2^64) would be refused, never let in.
    """
    function = "uuid_hash_extended" if of == "uuid" else "hashtextextended"
    digest = Func(F(column), Value(0), function=function, output_field=models.BigIntegerField())
    return Func(digest, digest, Value("[]"), function="int8range"), RangeOperators.OVERLAPS


def days(since: str, until: str) -> tuple[Func, str]:
    """Compare two columns as a stretch of days."""
    return Func(F(since), F(until), function="daterange"), RangeOperators.OVERLAPS


class PriceBook(models.Model):
    """One version of a price book, valid [effective_from, effective_to). PostgreSQL refuses to change one that was used."""

    key = models.CharField(max_length=39)
    version = models.PositiveIntegerField()
    title = models.CharField(max_length=100)
    currency = models.CharField(max_length=3)
    effective_from = models.DateField()
    effective_to = models.DateField(null=True)  # null: until a later version comes
    document: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField()  # the file, as loaded
    digest = models.CharField(max_length=64)  # SHA-256 of the document
    uploaded = models.BooleanField(
        default=False, db_default=False
    )  # by a person: no folder's files hold it, and none misses it
    loaded_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(null=True)  # when the first statement was sealed with it
    used_until = models.DateField(null=True)  # the end of the last period that was

    class Meta:
        ordering = ("key", "version")
        constraints = [
            models.UniqueConstraint(fields=["key", "version"], name="books_pricebook_version"),
            # Two prices for one second would make the bill a matter of luck.
            ExclusionConstraint(
                name="books_pricebook_never_overlaps",
                expressions=[same("key"), days("effective_from", "effective_to")],
                deferrable=models.Deferrable.DEFERRED,  # a boundary may move between two versions nobody used
            ),
            # A version that never holds is a typing error.
            models.CheckConstraint(
                condition=Q(effective_to__isnull=True) | Q(effective_to__gt=F("effective_from")),
                name="books_pricebook_lasts",
            ),
            models.CheckConstraint(condition=Q(currency__regex=CURRENCY), name="books_pricebook_currency"),
            # Used means: until when is known.
            models.CheckConstraint(
                condition=Q(used_at__isnull=True, used_until__isnull=True)
                | Q(used_at__isnull=False, used_until__isnull=False),
                name="books_pricebook_used_until",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key}/{self.version}"


class ProposalState(models.TextChoices):
    """What became of an uploaded version."""

    OPEN = "open"
    ACTIVE = "active"
    WITHDRAWN = "withdrawn"


class PriceProposal(models.Model):
    """A version that somebody uploaded, to be looked at and rated with before it prices anything.

    Open becomes active or withdrawn.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    key = models.CharField(max_length=39)
    version = models.PositiveIntegerField()
    text = models.TextField()  # the YAML as it was uploaded
    document: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField()
    state = models.CharField(max_length=9, choices=ProposalState.choices, default=ProposalState.OPEN)
    proposed_by = models.CharField(max_length=160)
    proposed_at = models.DateTimeField(auto_now_add=True)
    answered_by = models.CharField(max_length=160, blank=True)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # Two texts for one version would leave open which of them was looked at.
            models.UniqueConstraint(
                fields=["key", "version"], condition=Q(state="open"), name="books_priceproposal_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key}/{self.version}"


class PlanPrices(models.Model):
    """Which book prices a plan's usage; the catalog's plans name it, and a change holds from the next month on."""

    plan = models.CharField(max_length=31)
    book = models.CharField(max_length=39)
    effective_from = models.DateField()
    effective_to = models.DateField(null=True)

    class Meta:
        ordering = ("plan", "effective_from")
        constraints = [
            # A plan's usage is priced once.
            ExclusionConstraint(
                name="books_planprices_never_overlap",
                expressions=[same("plan"), days("effective_from", "effective_to")],
            ),
            models.CheckConstraint(
                condition=Q(effective_to__isnull=True) | Q(effective_to__gt=F("effective_from")),
                name="books_planprices_last",
            ),  # an empty stretch prices nothing
            # No statement of a month mixes two books for one plan.
            models.CheckConstraint(condition=Q(effective_from__day=1), name="books_planprices_whole_months"),
        ]

    def __str__(self) -> str:
        return f"{self.plan}: {self.book}"


class ExchangeRate(models.Model):
    """One unit of `base` is worth `rate` of `quote` from a day on; PostgreSQL refuses to change one that was used."""

    base = models.CharField(max_length=3)
    quote = models.CharField(max_length=3)
    since = models.DateField()
    rate = models.DecimalField(max_digits=24, decimal_places=12)
    source = models.CharField(max_length=200)
    used_at = models.DateTimeField(null=True)
    used_until = models.DateField(null=True)

    class Meta:
        ordering = ("base", "quote", "since")
        constraints = [
            models.UniqueConstraint(fields=["base", "quote", "since"], name="books_exchangerate_once_a_day"),
            models.CheckConstraint(condition=Q(rate__gt=0), name="books_exchangerate_is_positive"),
            models.CheckConstraint(
                condition=Q(base__regex=CURRENCY, quote__regex=CURRENCY) & ~Q(base=F("quote")),
                name="books_exchangerate_currencies",
            ),  # a currency is worth itself
        ]

    def __str__(self) -> str:
        return f"{self.base}/{self.quote} {self.since}"


class Contract(TenantOwned):
    """What a tenant agreed: the currency of its statements, a discount, a book of its own; for whole months.

    Once a statement was sealed with it PostgreSQL lets nothing of it change but its end.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    title = models.CharField(max_length=120)
    currency = models.CharField(max_length=3)
    book = models.CharField(max_length=39, blank=True)  # "" leaves the books that plans name
    plans: models.JSONField[list[str], list[str]] = models.JSONField(
        default=list
    )  # that it is about; [] is all
    discount_percent = models.DecimalField(max_digits=6, decimal_places=3, default=Decimal(0))
    starts = models.DateField()
    ends = models.DateField(null=True)
    used_until = models.DateField(null=True)  # the end of the last month that a statement was sealed for
    agreed_by = models.CharField(max_length=160)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            # A month has one currency and one discount.
            ExclusionConstraint(
                name="books_contract_one_at_a_time",
                expressions=[same("tenant", of="uuid"), days("starts", "ends")],
            ),
            models.CheckConstraint(
                condition=Q(starts__day=1) & (Q(ends__isnull=True) | Q(ends__day=1, ends__gt=F("starts"))),
                name="books_contract_whole_months",
            ),  # a statement has one currency
            models.CheckConstraint(
                condition=Q(discount_percent__gte=0, discount_percent__lte=100),
                name="books_contract_discount",
            ),  # more than all would pay people for using it
            models.CheckConstraint(condition=Q(currency__regex=CURRENCY), name="books_contract_currency"),
            # What a statement was sealed with held then.
            models.CheckConstraint(
                condition=Q(used_until__isnull=True) | Q(ends__isnull=True) | Q(ends__gte=F("used_until")),
                name="books_contract_used",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class CreditGrant(TenantOwned):
    """Credit of a tenant, drawn by sealed statements until it is used up or expires."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    title = models.CharField(max_length=120)
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(max_digits=20, decimal_places=6)
    drawn = models.DecimalField(max_digits=20, decimal_places=6, default=Decimal(0))
    starts = models.DateField()
    expires = models.DateField()
    granted_by = models.CharField(max_length=160)
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            # Nobody gets more than was granted, whoever draws at once.
            models.CheckConstraint(
                condition=Q(amount__gt=0, drawn__gte=0, drawn__lte=F("amount")),
                name="books_creditgrant_balance",
            ),
            models.CheckConstraint(condition=Q(expires__gt=F("starts")), name="books_creditgrant_lasts"),
            models.CheckConstraint(condition=Q(currency__regex=CURRENCY), name="books_creditgrant_currency"),
        ]
        indexes = [models.Index(fields=["tenant", "expires"], name="books_creditgrant_of_tenant")]

    def __str__(self) -> str:
        return self.title


class CreditDraw(TenantOwned):
    """What one sealed month took from a grant; the grant's `drawn` is the sum of these."""

    grant = models.ForeignKey(CreditGrant, models.PROTECT, related_name="draws")
    month = models.DateField()
    amount = models.DecimalField(max_digits=20, decimal_places=6)

    class Meta:
        constraints = [
            # A month draws once, however often its sealing is tried.
            models.UniqueConstraint(fields=["grant", "month"], name="books_creditdraw_once_a_month"),
            models.CheckConstraint(condition=Q(amount__gt=0, month__day=1), name="books_creditdraw_amount"),
        ]

    def __str__(self) -> str:
        return f"{self.grant_id} {self.month}"


class Commitment(TenantOwned):
    """So many units of a meter each month for a fee each month, used or not."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    title = models.CharField(max_length=120)
    meter = models.CharField(max_length=31)
    dimension = models.CharField(max_length=120, blank=True)  # "" covers all of the meter
    units = models.DecimalField(max_digits=20, decimal_places=6)
    currency = models.CharField(max_length=3)
    fee = models.DecimalField(max_digits=20, decimal_places=6)
    starts = models.DateField()
    ends = models.DateField()
    used_until = models.DateField(null=True)  # the end of the last month that a statement was sealed for
    agreed_by = models.CharField(max_length=160)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(units__gt=0, fee__gte=0), name="books_commitment_amounts"),
            models.CheckConstraint(
                condition=Q(starts__day=1, ends__day=1, ends__gt=F("starts")),
                name="books_commitment_whole_months",
            ),  # its fee is a month's
            models.CheckConstraint(condition=Q(currency__regex=CURRENCY), name="books_commitment_currency"),
            # What a statement was sealed with held then.
            models.CheckConstraint(
                condition=Q(used_until__isnull=True) | Q(ends__gte=F("used_until")),
                name="books_commitment_used",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "ends"], name="books_commitment_of_tenant")]

    def __str__(self) -> str:
        return self.title
