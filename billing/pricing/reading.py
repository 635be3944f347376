"""Reads one version of a price book from its document and proves it; every fault says where it stands and what to do."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from billing.pricing.book import Book, BookCredit, PriceLine, Scope
from billing.pricing.bounds import LARGEST_VERSION, LONGEST_TITLE, faults_of_texts
from billing.pricing.fields import BookFault, BookInvalidError, Fields
from billing.pricing.money import MoneyError, places_of
from billing.pricing.types import MeterFacts

SLUG = re.compile(r"[a-z][a-z0-9-]{0,38}")
BOOK_FIELDS = (
    *("key", "version", "title", "currency", "effective_from", "effective_to"),
    *("bills_inferred", "free", "credit", "lines"),
)
LINE_FIELDS = ("key", "meter", "unit", "price", "per", "description", "dimensions", "plans", "regions")
HUNDRED = Decimal(100)


def digest_of(document: Mapping[str, Any]) -> str:
    """SHA-256 of what a version says, whatever the order of its fields."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def parse_book(
    document: Any, meters: Mapping[str, MeterFacts], *, whole: bool = True, bounded: bool | None = None
) -> Book:
    """Return the version of a price book that a document states; raises BookInvalidError with every fault in it.

    `meters` are all there are: each must have a price or stand under `free`, or its usage would be lost in silence. Only a
    version that was taken before some meter came (`whole` is false) may lack one; rating then tells of what it can't price. What
    was taken before is not held to the bounds of what may be written either, unless it is to be `bounded`.
    """
    if not isinstance(document, Mapping):
        raise BookInvalidError(
            [BookFault((), "not_a_book", "a price book is a mapping; begin with key and version.")]
        )
    held = whole if bounded is None else bounded
    faults = [BookFault(*place) for place in faults_of_texts(document)] if held else []
    if any(fault.code == "too_deep" for fault in faults):
        raise BookInvalidError(faults)
    fields = _fields(document, faults, bounded=held)
    lines = _lines(fields, meters)
    free = fields.names("free")
    if whole:
        _check_cover(fields, lines, free, meters)
    since, until = _validity(fields)
    book = Book(
        key=_slug(fields, "key"),
        version=_version(fields),
        title=fields.text("title", most=LONGEST_TITLE),
        currency=fields.currency,
        effective_from=since,
        effective_to=until,
        lines=tuple(lines),
        meters=dict(meters),
        free=free,
        credit=_credit(fields),
        bills_inferred=fields.truth("bills_inferred", default=False),
        digest=digest_of(document),
    )
    if faults:
        raise BookInvalidError(faults)
    return book


def _fields(document: Mapping[str, Any], faults: list[BookFault], *, bounded: bool) -> Fields:
    currency = document.get("currency")
    fields = Fields(document, (), faults, currency if isinstance(currency, str) else "", bounded=bounded)
    try:
        places_of(fields.currency)
    except MoneyError as error:
        fields.fault("currency" if "currency" in document else "", "currency_unknown", str(error))
        fields.currency = "EUR"  # so that the rest can be read too
    fields.only(BOOK_FIELDS)
    return fields


def check_history(books: Sequence[Book]) -> list[tuple[Book, BookFault]]:
    """Return what is wrong between the versions of one book: each ends where the next begins, or earlier."""
    found: list[tuple[Book, BookFault]] = []
    ordered = sorted(books, key=lambda book: book.version)
    for earlier, later in pairwise(ordered):
        if earlier.version == later.version:
            detail = f"version {later.version} of {later.key} stands twice; give one another number."
            found.append((later, BookFault(("version",), "version_twice", detail)))
        elif later.effective_from <= earlier.effective_from:
            detail = f"it begins no later than version {earlier.version} does; let it begin after that."
            found.append((later, BookFault(("effective_from",), "periods_overlap", detail)))
        elif earlier.effective_to is not None and earlier.effective_to > later.effective_from:
            detail = (
                f"it overlaps version {later.version}, which begins on {later.effective_from.date()}; "
                "let it end there, or leave effective_to out."
            )
            found.append((earlier, BookFault(("effective_to",), "periods_overlap", detail)))
    return found


def _slug(fields: Fields, name: str) -> str:
    text = fields.text(name)
    if text and not SLUG.fullmatch(text):
        fields.fault(
            name, "name_invalid", f"{name} takes lower-case letters, digits and '-', a letter first."
        )
    return text


def _version(fields: Fields) -> int:
    value = fields.data.get("version")
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        if value <= LARGEST_VERSION or not fields.bounded:
            return value
        detail = f"version is at most {LARGEST_VERSION:,}; give the number after the version before."
        fields.fault("version", "version_invalid", detail)
        return 1
    fields.fault(
        "version" if "version" in fields.data else "", "version_invalid", "version must be 1 or higher."
    )
    return 1


def _validity(fields: Fields) -> tuple[datetime, datetime | None]:
    since = _day(fields, "effective_from")
    until = _day(fields, "effective_to") if fields.data.get("effective_to") is not None else None
    if until is not None and until <= since:
        fields.fault("effective_to", "period_empty", "effective_to must come after effective_from.")
    return since, until


def _day(fields: Fields, name: str) -> datetime:
    """A day's first moment in UTC: the daily roll-ups are never cut by a change of prices."""
    value = fields.data.get(name)
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        day = None
    if day is None:
        where = name if name in fields.data else ""
        fields.fault(
            where, "day_invalid", f"{name} must be a day, such as 2026-12-01; it begins at 00:00 UTC."
        )
        return datetime.max.replace(tzinfo=UTC)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _credit(fields: Fields) -> BookCredit | None:
    value = fields.data.get("credit")
    if value is None:
        return None
    if not isinstance(value, Mapping):
        fields.fault("credit", "credit_invalid", "credit takes title, percent and limit.")
        return None
    inner = fields.inside("credit", data=value)
    inner.only(("title", "percent", "limit"))
    percent = inner.number("percent")
    if percent > HUNDRED:
        inner.fault("percent", "too_large", "percent is at most 100; more would pay people for using it.")
    limit = inner.price("limit").amount if "limit" in value else None
    return BookCredit(inner.text("title"), percent, limit)


def _lines(fields: Fields, meters: Mapping[str, MeterFacts]) -> list[PriceLine]:
    found: list[PriceLine] = []
    seen: set[str] = set()
    for entry in fields.entries("lines"):
        entry.only(LINE_FIELDS)
        key = _slug(entry, "key")
        if key in seen:
            entry.fault("key", "line_twice", f"{key} stands twice; each line needs a key of its own.")
        seen.add(key)
        line = _line(entry, key, meters)
        if line is not None:
            found.append(line)
    return found


def _line(entry: Fields, key: str, meters: Mapping[str, MeterFacts]) -> PriceLine | None:
    meter = entry.text("meter")
    facts = meters.get(meter)
    if facts is None:
        if meter:
            detail = f"there is no meter {meter}; choose one of {', '.join(sorted(meters))}."
            entry.fault("meter", "meter_unknown", detail)
        return None
    entry.per_unit = facts.per_unit
    unit = entry.text("unit")
    if unit and unit != facts.unit:
        detail = f"{meter} is measured in {facts.unit}, not {unit}; write the unit and the price for that."
        entry.fault("unit", "unit_wrong", detail)
    dimensions = entry.names("dimensions")
    if dimensions and not facts.has_dimension:
        entry.fault("dimensions", "dimension_unknown", f"{meter} has no dimensions; leave them out.")
    rule = entry.rule("price")
    if rule is None:
        return None
    if rule.by_dimension and not facts.has_dimension:
        entry.fault("price", "dimension_unknown", f"{meter} has no dimensions; price it by another rule.")
    return PriceLine(
        key=key,
        meter=meter,
        facts=facts,
        rule=rule,
        per=_scope(entry, counts=rule.counts),
        description=entry.text("description", default=""),
        dimensions=dimensions,
        plans=entry.names("plans"),
        regions=entry.names("regions"),
    )


def _scope(entry: Fields, *, counts: bool) -> Scope:
    value = entry.data.get("per", Scope.TENANT if counts else Scope.RUNTIME)
    if value not in list(Scope):
        entry.fault("per", "scope_unknown", f"per is {value}; choose one of {', '.join(Scope)}.")
        return Scope.RUNTIME
    return Scope(value)


def _check_cover(
    fields: Fields, lines: Sequence[PriceLine], free: frozenset[str], meters: Mapping[str, MeterFacts]
) -> None:
    faulty = {
        fault.path[1] for fault in fields.faults if fault.path[:1] == ("lines",) and len(fault.path) > 1
    }
    whole: dict[str, str] = {}
    for line in lines:
        if line.meter in whole:
            detail = f"{line.key} prices nothing: {whole[line.meter]} before it takes all of {line.meter}; put it first."
            fields.fault("lines", "line_unreachable", detail)
        if not (line.dimensions or line.plans or line.regions):
            whole.setdefault(line.meter, line.key)
    for meter in sorted(free):
        if meter not in meters:
            fields.fault("free", "meter_unknown", f"there is no meter {meter}; remove it.")
        if any(line.meter == meter for line in lines):
            fields.fault("free", "meter_twice", f"{meter} has a price and is free; remove one.")
    for meter in sorted(set(meters) - free - set(whole)):
        if not faulty:  # else the fault there may be why
            detail = f"usage of {meter} has no price; add a line for all of it, or name it under free."
            fields.fault("lines" if "lines" in fields.data else "", "meter_unpriced", detail)
