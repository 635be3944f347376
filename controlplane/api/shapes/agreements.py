"""What was agreed with tenants: contracts, credits, commitments; and exchange rates. Days begin at 00:00 UTC."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from billing.books.models import Commitment, Contract, CreditGrant, ExchangeRate
from controlplane.api.shapes.base import (
    ID,
    MAYBE_MOMENT,
    MOMENT,
    TEXT,
    URL,
    Shape,
    maybe,
    page_of,
    record,
    several,
)
from controlplane.kernel.clock import rfc3339

AMOUNT = {"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "description": "A decimal number."}
DAY = {"type": "string", "format": "date"}
MAYBE_DAY = {**DAY, "type": ["string", "null"]}
CURRENCY = {"type": "string", "pattern": "^[A-Z]{3}$"}
GIVEN_DAY = {
    "type": "string",
    "pattern": "^20[0-9]{2}-[0-9]{2}-[0-9]{2}$",
    "description": "A day, as 2026-12-01.",
}
FIRST_DAY = {**GIVEN_DAY, "description": "The first of a month, as 2026-12-01."}
GIVEN = {"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,6})?$", "description": "A decimal number."}
SLUG = {"type": "string", "maxLength": 40}
TITLE = {"type": "string", "minLength": 1, "maxLength": 120}


def _wish(
    name: str, properties: dict[str, Any], example: dict[str, Any], optional: tuple[str, ...] = ()
) -> Shape:
    return Shape(name, {**record(properties, optional=optional), "additionalProperties": False}, example)


CONTRACT = Shape(
    "Contract",
    record(
        {
            "id": ID, "tenant": TEXT, "title": TEXT, "currency": TEXT,
            "book": {**TEXT, "description": "Key of a book of its own; empty: the books that plans name."},
            "plans": {**several(TEXT), "description": "Plans that it is about; none: all."}, "discount_percent": AMOUNT,
            "starts": DAY, "ends": MAYBE_DAY, "used_until": MAYBE_DAY, "agreed_by": TEXT, "created_at": MOMENT,
        },
        description="What a tenant agreed; statements were sealed with it until `used_until`.",
    ),
)  # fmt: skip
CONTRACT_LIST = page_of(CONTRACT)
CONTRACT_WISH = _wish(
    "ContractWish",
    {
        "tenant": SLUG, "title": TITLE, "currency": CURRENCY, "starts": FIRST_DAY, "ends": FIRST_DAY,
        "book": {"type": "string", "maxLength": 39}, "plans": {"type": "array", "items": SLUG, "maxItems": 50},
        "discount_percent": {"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]{1,3})?$"},
    },
    {"tenant": "archipel", "title": "Frame of 2027", "currency": "EUR", "starts": "2027-01-01", "discount_percent": "12.5"},
    ("ends", "book", "plans", "discount_percent"),
)  # fmt: skip
ENDING = _wish("Ending", {"ends": FIRST_DAY}, {"ends": "2027-01-01"})
CREDIT = Shape(
    "Credit",
    record(
        {
            "id": ID, "tenant": TEXT, "title": TEXT, "currency": TEXT, "amount": AMOUNT, "drawn": AMOUNT, "left": AMOUNT,
            "starts": DAY, "expires": DAY, "reason": TEXT, "granted_by": TEXT, "created_at": MOMENT,
        }
    ),
)  # fmt: skip
CREDIT_LIST = page_of(CREDIT)
CREDIT_WISH = _wish(
    "CreditWish",
    {
        "tenant": SLUG, "title": TITLE, "currency": CURRENCY, "amount": GIVEN, "starts": GIVEN_DAY, "expires": GIVEN_DAY,
        "reason": {"type": "string", "minLength": 1, "maxLength": 500},
    },
    {
        "tenant": "archipel", "title": "Welcome", "currency": "EUR", "amount": "250", "starts": "2026-12-01",
        "expires": "2027-12-01", "reason": "They try it for a year.",
    },
)  # fmt: skip
EXPIRY = _wish("Expiry", {"expires": GIVEN_DAY}, {"expires": "2027-01-01"})
COMMITMENT = Shape(
    "Commitment",
    record(
        {
            "id": ID, "tenant": TEXT, "title": TEXT, "meter": TEXT, "dimension": TEXT, "units": AMOUNT, "currency": TEXT,
            "fee": AMOUNT, "starts": DAY, "ends": DAY, "used_until": MAYBE_DAY, "agreed_by": TEXT, "created_at": MOMENT,
        },
        description="So many units of a meter each month for a fee each month, used or not.",
    ),
)  # fmt: skip
COMMITMENT_LIST = page_of(COMMITMENT)
COMMITMENT_WISH = _wish(
    "CommitmentWish",
    {
        "tenant": SLUG, "title": TITLE, "meter": {"type": "string", "maxLength": 31},
        "dimension": {"type": "string", "maxLength": 120}, "units": GIVEN, "currency": CURRENCY, "fee": GIVEN,
        "starts": FIRST_DAY, "ends": FIRST_DAY,
    },
    {
        "tenant": "archipel", "title": "Cores", "meter": "vcpu", "units": "60000", "currency": "EUR", "fee": "1560",
        "starts": "2027-01-01", "ends": "2028-01-01",
    },
    ("dimension",),
)  # fmt: skip
RATE = Shape(
    "ExchangeRate",
    record(
        {
            "base": TEXT, "quote": TEXT, "since": DAY, "rate": AMOUNT, "source": TEXT,
            "used_until": {**MAYBE_DAY, "description": "Statements were sealed with it until then; it never changes."},
            "used_at": MAYBE_MOMENT,
        },
        description="One unit of `base` is worth `rate` of `quote` from a day on, until the next.",
    ),
)  # fmt: skip
RATE_LIST = Shape("ExchangeRateList", record({"results": several(RATE), "next": maybe(URL)}))
RATE_WISH = _wish(
    "ExchangeRateWish",
    {
        "base": CURRENCY, "quote": CURRENCY, "since": GIVEN_DAY,
        "rate": {"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,12})?$"},
        "source": {"type": "string", "minLength": 1, "maxLength": 200},
    },
    {"base": "USD", "quote": "EUR", "since": "2026-12-01", "rate": "0.9215", "source": "ECB, 30 November 2026"},
)  # fmt: skip


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def contract_json(row: Contract, tenant: str) -> dict[str, Any]:
    """Return a contract."""
    return {
        "id": str(row.id), "tenant": tenant, "title": row.title, "currency": row.currency, "book": row.book,
        "plans": list(row.plans), "discount_percent": _plain(row.discount_percent), "starts": _day(row.starts),
        "ends": _day(row.ends), "used_until": _day(row.used_until), "agreed_by": row.agreed_by,
        "created_at": rfc3339(row.created_at),
    }  # fmt: skip


def credit_json(row: CreditGrant, tenant: str) -> dict[str, Any]:
    """Return a credit."""
    return {
        "id": str(row.id), "tenant": tenant, "title": row.title, "currency": row.currency, "amount": _plain(row.amount),
        "drawn": _plain(row.drawn), "left": _plain(row.amount - row.drawn), "starts": _day(row.starts),
        "expires": _day(row.expires), "reason": row.reason, "granted_by": row.granted_by,
        "created_at": rfc3339(row.created_at),
    }  # fmt: skip


def commitment_json(row: Commitment, tenant: str) -> dict[str, Any]:
    """Return a commitment."""
    return {
        "id": str(row.id), "tenant": tenant, "title": row.title, "meter": row.meter, "dimension": row.dimension,
        "units": _plain(row.units), "currency": row.currency, "fee": _plain(row.fee), "starts": _day(row.starts),
        "ends": _day(row.ends), "used_until": _day(row.used_until), "agreed_by": row.agreed_by,
        "created_at": rfc3339(row.created_at),
    }  # fmt: skip


def rate_json(row: ExchangeRate) -> dict[str, Any]:
    """Return an exchange rate."""
    return {
        "base": row.base, "quote": row.quote, "since": _day(row.since), "rate": _plain(row.rate), "source": row.source,
        "used_until": _day(row.used_until), "used_at": rfc3339(row.used_at),
    }  # fmt: skip
