"""What the platform agrees with a tenant: contracts, credits, commitments; and the exchange rates it publishes. All audited."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from billing.books.closed_months import refuse_backdated
from billing.books.loading import meter_facts
from billing.books.models import Commitment, Contract, CreditGrant, ExchangeRate, PriceBook
from billing.books.queries import lock_statements
from billing.books.rights import require_manage
from billing.books.services import segments
from billing.pricing.bounds import FINEST_RATE, LARGEST, LARGEST_RATE
from billing.pricing.money import EXACT, MoneyError, places_of, to_minor
from billing.pricing.periods import month
from controlplane.catalog.models import Plan
from controlplane.kernel.errors import Refused
from controlplane.kernel.sentences import choices
from controlplane.tenants import audit
from controlplane.tenants.access import Actor
from controlplane.tenants.models import Tenant

HUNDRED = Decimal(100)


@transaction.atomic
def agree_contract(
    *,
    actor: Actor,
    tenant: Tenant,
    title: str,
    currency: str,
    starts: date,
    ends: date | None = None,
    book: str = "",
    plans: Sequence[str] = (),
    discount_percent: Decimal = Decimal(0),
) -> Contract:
    """Agree a currency, a discount or a book of its own with a tenant, for whole months.

    Raises Refused 422 for what can't be, 409 months_sealed where a statement from `starts` on is sealed, 409 contract_overlaps
    where another contract holds already, 403.
    """
    _admit(actor, title)
    _check_currency(currency)
    check_months(starts, ends)
    _check_prices(book, plans, discount_percent)
    refuse_backdated(tenant.id, starts)
    given: dict[str, Any] = {
        "title": title[:120], "currency": currency, "book": book, "plans": list(plans),
        "discount_percent": discount_percent, "starts": starts, "ends": ends,
    }  # fmt: skip
    try:
        with transaction.atomic():
            row: Contract = Contract.objects.create(tenant=tenant, agreed_by=actor.name[:160], **given)
    except IntegrityError as error:
        if "books_contract_one_at_a_time" not in str(error):
            raise
        detail = "Another contract of this tenant holds at that time; end it first, or begin later."
        raise Refused("contract_overlaps", detail, field="starts", status=409) from error
    note("contract.agree", actor, tenant.id, "contract", row.pk, given)
    return row


@transaction.atomic
def end_contract(*, actor: Actor, contract_id: UUID, ends: date) -> Contract:
    """Let a contract end with a month, or with an earlier one than it says; never before what statements were sealed with.

    Raises Refused: contract_not_found 404, forbidden 403, not_a_month and period_empty 422, contract_used and contract_ended 409.
    """
    require_manage(actor)
    rows = Contract.objects.filter(pk=contract_id)
    tenant_id = rows.values_list("tenant_id", flat=True).first()
    if tenant_id is None:
        raise Refused("contract_not_found", f"There is no contract {contract_id}.", status=404)
    lock_statements(tenant_id)  # a month that is being sealed is sealed first, and then known below
    row: Contract = rows.get()
    check_months(row.starts, ends)
    if row.used_until is not None and ends < row.used_until:
        detail = f"Statements were sealed with it until {row.used_until}; let it end then or later."
        raise Refused("contract_used", detail, field="ends", status=409)
    if rows.filter(Q(ends__isnull=True) | Q(ends__gt=ends)).update(ends=ends) != 1:
        detail = f"The contract ends on {row.ends} already; give an earlier month, or agree a new one."
        raise Refused("contract_ended", detail, field="ends", status=409)
    told = {"ends": ends, "ended_before": row.ends}
    row.refresh_from_db()
    note("contract.end", actor, row.tenant_id, "contract", row.pk, told)
    return row


@transaction.atomic
def grant_credit(
    *,
    actor: Actor,
    tenant: Tenant,
    title: str,
    currency: str,
    amount: Decimal,
    starts: date,
    expires: date,
    reason: str,
) -> CreditGrant:
    """Give a tenant credit that its statements draw until it expires. Raises Refused 403, 422."""
    _admit(actor, title)
    _check_amount(amount, currency, field="amount", least=1)
    if expires <= starts:
        raise Refused("period_empty", "A credit must expire after it starts.", field="expires")
    if not reason.strip():
        raise Refused("reason_missing", "Say in a sentence why it is given.", field="reason")
    row: CreditGrant = CreditGrant.objects.create(
        tenant=tenant,
        title=title[:120],
        currency=currency,
        amount=amount,
        starts=starts,
        expires=expires,
        granted_by=actor.name[:160],
        reason=reason[:500],
    )
    told = {
        "title": title,
        "currency": currency,
        "amount": amount,
        "starts": starts,
        "expires": expires,
        "reason": reason,
    }
    note("credit.grant", actor, tenant.id, "credit", row.pk, told)
    return row


@transaction.atomic
def agree_commitment(
    *,
    actor: Actor,
    tenant: Tenant,
    title: str,
    meter: str,
    units: Decimal,
    currency: str,
    fee: Decimal,
    starts: date,
    ends: date,
    dimension: str = "",
) -> Commitment:
    """Agree that a tenant pays a fee for so many units of a meter that costs something each month.

    Raises Refused 403, 422, 409 months_sealed, prices_missing.
    """
    _admit(actor, title)
    known = meter_facts()
    if meter not in known:
        raise Refused(
            "meter_unknown", f"There is no meter {meter}. {choices(sorted(known), meter)}", field="meter"
        )
    if dimension and not known[meter].has_dimension:
        raise Refused("dimension_unknown", f"{meter} has no dimensions; leave it out.", field="dimension")
    _check_amount(fee, currency, field="fee", least=0)
    check_months(starts, ends)
    _check_units(units, known[meter].per_unit)
    _check_priced(tenant, meter, starts)
    refuse_backdated(tenant.id, starts)
    given: dict[str, Any] = {
        "title": title[:120], "meter": meter, "dimension": dimension, "units": units, "currency": currency, "fee": fee,
        "starts": starts, "ends": ends,
    }  # fmt: skip
    row: Commitment = Commitment.objects.create(tenant=tenant, agreed_by=actor.name[:160], **given)
    note("commitment.agree", actor, tenant.id, "commitment", row.pk, given)
    return row


@transaction.atomic
def publish_rate(
    *, actor: Actor, base: str, quote: str, since: date, rate: Decimal, source: str
) -> ExchangeRate:
    """Add an exchange rate that holds from a day on. Raises Refused 403, 422, 409 where a statement used another for that day."""
    require_manage(actor)
    _check_currency(base, field="base")
    _check_currency(quote, field="quote")
    if base == quote or not rate.is_finite() or rate <= 0:
        raise Refused("rate_invalid", "Give a rate above 0 between two different currencies.", field="rate")
    if rate >= LARGEST_RATE or rate != rate.quantize(FINEST_RATE, context=EXACT):
        detail = f"A rate is below {LARGEST_RATE:,f} and has at most 12 decimal places; check its digits."
        raise Refused("rate_invalid", detail, field="rate")
    try:
        with transaction.atomic():
            row = ExchangeRate.objects.create(
                base=base, quote=quote, since=since, rate=rate, source=source[:200]
            )
    except IntegrityError as error:
        detail = f"The rate from {base} to {quote} is fixed for {since}; add one that holds from a later day."
        raise Refused("rate_fixed", detail, field="since", status=409) from error
    told = {"base": base, "quote": quote, "since": since, "rate": rate, "source": source}
    note("rate.publish", actor, None, "rate", row.pk, told)
    return row


def _admit(actor: Actor, title: str) -> None:
    require_manage(actor)
    if not title.strip():
        raise Refused("title_missing", "Give it a title that people recognise it by.", field="title")


def _check_prices(book: str, plans: Sequence[str], discount_percent: Decimal) -> None:
    if not (discount_percent.is_finite() and 0 <= discount_percent <= HUNDRED):
        raise Refused("discount_invalid", "A discount is from 0 to 100 per cent.", field="discount_percent")
    if book and not PriceBook.objects.filter(key=book).exists():
        known = sorted(set(PriceBook.objects.values_list("key", flat=True)))
        raise Refused("book_unknown", f"There is no price book {book}. {choices(known, book)}", field="book")
    keys = list(Plan.objects.values_list("key", flat=True))
    for plan in plans:
        if plan not in keys:
            raise Refused("plan_unknown", f"There is no plan {plan}. {choices(keys, plan)}", field="plans")


def _check_priced(tenant: Tenant, meter: str, starts: date) -> None:
    """Raise Refused (meter_free) where nothing of a meter would have a line, which alone can bear a share of a fee."""
    books = [segment.book for segment in segments(tenant, month(starts.year, starts.month))]
    if not any(line.meter == meter for book in books for line in book.lines):
        detail = f"No price of this tenant's in {starts:%B %Y} is for {meter}; commit to a meter that costs something."
        raise Refused("meter_free", detail, field="meter")


def _check_currency(currency: str, *, field: str = "currency") -> None:
    try:
        places_of(currency)
    except MoneyError as error:
        raise Refused("currency_unknown", str(error), field=field) from error


def _check_units(units: Decimal, per_unit: int) -> None:
    if units.is_finite() and units > LARGEST:
        detail = f"units must be at most {LARGEST:,f}; check its digits."
        raise Refused("units_invalid", detail, field="units")
    base = EXACT.multiply(units, per_unit) if units.is_finite() else Decimal(0)
    if base <= 0 or base != int(base):
        detail = "units must be above 0, and not finer than the meter counts; use fewer decimal places."
        raise Refused("units_invalid", detail, field="units")


def _check_amount(amount: Decimal, currency: str, *, field: str, least: int) -> None:
    _check_currency(currency)
    try:
        minor = to_minor(amount, currency)
    except MoneyError as error:
        raise Refused("amount_invalid", str(error), field=field) from error
    if amount > LARGEST:
        detail = f"{field} must be at most {LARGEST:,f} {currency}; check its digits."
        raise Refused("amount_invalid", detail, field=field)
    if minor < least:
        raise Refused("amount_invalid", f"{amount} {currency} is too little; give more.", field=field)


def check_months(starts: date, ends: date | None) -> None:
    """Raise Refused 422 unless both are the first of a month, in order."""
    for field, day in (("starts", starts), ("ends", ends)):
        if day is not None and day.day != 1:
            detail = f"{field} must be the first of a month: a statement has one currency and one contract."
            raise Refused("not_a_month", detail, field=field)
    if ends is not None and ends <= starts:
        raise Refused("period_empty", "ends must come after starts.", field="ends")


def note(
    action: str, actor: Actor, tenant_id: UUID | None, kind: str, target: object, told: dict[str, Any]
) -> None:
    """Write the audit row."""
    audit.record(action, actor=actor, tenant_id=tenant_id, target_type=kind, target_id=target, changes=told)
