"""Contracts, credits, commitments and exchange rates in words, and the fields of their forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from billing.books.models import Commitment, Contract, CreditGrant, PriceBook
from billing.costs.sentences import money
from billing.meters.registry import meters
from controlplane.catalog.models import Plan
from controlplane.console.fields.tree import Field, Option
from controlplane.console.presenters.badges import Badge
from controlplane.console.presenters.figures import grouped
from controlplane.console.presenters.prices import meter_title
from controlplane.console.typed import day, number
from controlplane.kernel.errors import Refused

TO_COME = Badge("To come", "clock", "wait")
HOLDS = Badge("Holds", "check-circle", "ok")
ENDED = Badge("Ended", "archive-box", "")
USED_UP = Badge("Used up", "archive-box", "")
_MONTH = "The first of a month, such as 2027-01-01: a statement has one contract."
ENDS_HELP = {
    "contract": f"{_MONTH} From that day on the tenant has the standard terms.",
    "credit": "A day such as 2027-01-01; never before a month that drew on it is over.",
    "commitment": f"{_MONTH} Never before what statements were sealed with.",
}


@dataclass(frozen=True)
class Shown:
    """One agreement as a list has it."""

    row: Any
    state: Badge
    what: str
    amount: str


def contract_shown(row: Contract, today: date) -> Shown:
    """Return a contract."""
    parts = [f"{row.discount_percent.normalize():f} % off"] if row.discount_percent else []
    parts += [f"price book {row.book}"] if row.book else []
    parts += [f"for {', '.join(row.plans)}"] if row.plans else []
    return Shown(row, _state(row.starts, row.ends, today), ", ".join(parts) or "list prices", row.currency)


def credit_shown(row: CreditGrant, today: date) -> Shown:
    """Return a credit."""
    state = USED_UP if row.drawn >= row.amount else _state(row.starts, row.expires, today)
    left = money(row.amount - row.drawn, row.currency)
    return Shown(row, state, left, money(row.amount, row.currency))


def commitment_shown(row: Commitment, today: date) -> Shown:
    """Return a commitment."""
    what = f"{grouped(row.units.normalize())} {_unit(row.meter)} of {meter_title(row.meter)}"
    what += f", {row.dimension}" if row.dimension else ""
    return Shown(row, _state(row.starts, row.ends, today), f"{what} a month", money(row.fee, row.currency))


def facts_of(kind: str, row: Any) -> list[tuple[str, str]]:
    """Return what is worth knowing of one agreement."""
    ends = row.expires if kind == "credit" else row.ends
    facts = [
        ("Holds from", f"{row.starts:%-d %B %Y}"),
        ("Until", f"{ends:%-d %B %Y}" if ends else "no end agreed"),
    ]
    if kind == "credit":
        return [
            *facts,
            ("Drawn", money(row.drawn, row.currency)),
            ("Reason", row.reason),
            ("Granted by", row.granted_by),
        ]
    used = f"{row.used_until:%-d %B %Y}" if row.used_until else "no statement yet"
    return [*facts, ("Sealed with until", used), ("Agreed by", row.agreed_by)]


def fields_of(kind: str, typed: Mapping[str, str]) -> list[Field]:
    """Return the form of a kind, as it was typed."""
    first = [
        _text("tenant", "Tenant", "Its slug.", typed),
        _text("title", "Title", "The tenant reads it on its page of prices.", typed),
        _text("currency", "Currency", "Three letters, such as EUR.", typed, "EUR"),
    ]
    return [*first, *_FIELDS[kind](typed)]


def _contract(typed: Mapping[str, str]) -> list[Field]:
    books = sorted(set(PriceBook.objects.values_list("key", flat=True)))
    plans = Plan.objects.order_by("position", "key").values_list("key", flat=True)
    return [
        _text("discount_percent", "Discount, per cent", "Off every price; 0 for none.", typed, "0"),
        _select("book", "Price book", [("", "Those that plans name"), *((key, key) for key in books)], typed),
        Field(
            "text", "plans", "Plans", f"With commas between: {', '.join(plans)}. Empty: all.", value=typed.get("plans", ""),
        ),
        _text("starts", "Starts", _MONTH, typed),
        Field("text", "ends", "Ends", f"{_MONTH} Empty: until it is ended.", value=typed.get("ends", "")),
    ]  # fmt: skip


def _credit(typed: Mapping[str, str]) -> list[Field]:
    return [
        _text("amount", "Amount", "What statements draw, before tax.", typed),
        _text("starts", "Starts", "A day, such as 2026-12-01.", typed),
        _text("expires", "Expires", "What is left then is gone.", typed),
        _text("reason", "Reason", "In a sentence; it stands in the audit trail.", typed),
    ]


def _commitment(typed: Mapping[str, str]) -> list[Field]:
    known = [(key, f"{meter.title}, in {meter.unit}") for key, meter in meters().items() if meter.billed]
    return [
        _select("meter", "Meter", known, typed),
        Field(
            "text", "dimension", "Only for", "A machine type, storage class or module; empty: all of the meter.",
            value=typed.get("dimension", ""),
        ),
        _text("units", "Units a month", "What the fee covers.", typed),
        _text("fee", "Fee a month", "Charged whether the units are used or not.", typed),
        _text("starts", "Starts", _MONTH, typed),
        _text("ends", "Ends", _MONTH, typed),
    ]  # fmt: skip


def rate_fields(typed: Mapping[str, str]) -> list[Field]:
    """Return the form of an exchange rate."""
    return [
        _text("base", "One unit of", "Three letters, such as USD.", typed),
        _text("quote", "Is worth, in", "Three letters, such as EUR.", typed, "EUR"),
        _text("rate", "Rate", "So much of it, such as 0.9215.", typed),
        _text("since", "From", "A day, such as 2026-12-01; it holds until the next one begins.", typed),
        _text("source", "Source", "Who published it, and when.", typed),
    ]


def read_fields(kind: str, typed: Mapping[str, str]) -> dict[str, Any]:
    """Return what the kind's service takes; raises Refused 422."""
    found: dict[str, Any] = {"title": typed["title"], "currency": typed["currency"].upper()}
    found["starts"] = day(typed["starts"], "starts")
    if kind == "contract":
        found["ends"] = day(typed["ends"], "ends") if typed["ends"] else None
        found["book"] = typed["book"]
        found["plans"] = [part.strip() for part in typed["plans"].split(",") if part.strip()]
        found["discount_percent"] = number(typed["discount_percent"] or "0", "discount_percent", places=3)
    elif kind == "credit":
        found["expires"] = day(typed["expires"], "expires")
        found["amount"] = number(typed["amount"], "amount")
        found["reason"] = typed["reason"]
    else:
        found["ends"] = day(typed["ends"], "ends")
        found["meter"], found["dimension"] = typed["meter"], typed["dimension"][:120]
        found["units"], found["fee"] = number(typed["units"], "units"), number(typed["fee"], "fee")
    return found


def needed(text: str, name: str, what: str) -> str:
    """Return a text that must be there; raises Refused 422."""
    if not text:
        raise Refused("text_missing", what, field=name)
    return text


def _state(starts: date, ends: date | None, today: date) -> Badge:
    if starts > today:
        return TO_COME
    return ENDED if ends is not None and ends <= today else HOLDS


def _unit(meter: str) -> str:
    found = meters().get(meter)
    return found.unit if found else "units"


def _text(name: str, title: str, about: str, typed: Mapping[str, str], value: str = "") -> Field:
    return Field("text", name, title, about, value=typed.get(name, value), required=True)


def _select(name: str, title: str, choices: list[tuple[str, str]], typed: Mapping[str, str]) -> Field:
    chosen = typed.get(name, "")
    return Field(
        "select", name, title, options=[Option(key, told, chosen=key == chosen) for key, told in choices]
    )


_FIELDS = {"contract": _contract, "credit": _credit, "commitment": _commitment}
