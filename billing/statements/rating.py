"""From a document of inputs to a statement's lines. Pure: the same document and books give the same lines, byte for byte.

A document is {"tenant", "month", "engine", "usage", "coverage", "terms", "corrected", "adjustments"}; see `canonical`.
`corrected` has one entry for each closed month that came out different: its usage as it is now, and its terms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from billing.pricing.amounts import plain
from billing.pricing.book import Book
from billing.pricing.corrections import corrections
from billing.pricing.fx import RateMissingError
from billing.pricing.lines import NOTHING, line_id
from billing.pricing.money import EXACT, PRICE_PLACES, from_minor, places_of, round_ratio, scaled
from billing.pricing.periods import Period
from billing.pricing.rating import rate
from billing.pricing.types import Category, Drawn, Line, Problem, Rated, Terms, UsageItem
from billing.statements.canonical import COSTS, Booked, read_items, read_terms

Books = Mapping[tuple[str, int], Book]
FINEST = Decimal(1).scaleb(-PRICE_PLACES)
ADJUSTMENT = "adjustment:"  # begins the `credit` of what FinOps booked by hand: no part of any rating


@dataclass(frozen=True)
class Made:
    """A statement's lines, the ratings behind them (the month's own first), and what stands against sealing."""

    lines: tuple[Booked, ...]
    rated: Rated
    mended: Mapping[date, Rated]
    problems: tuple[Problem, ...]

    @property
    def total(self) -> Decimal:
        """The sum of the lines, which were rounded before."""
        return sum((booked.line.billed_cost for booked in self.lines), Decimal(0))

    @property
    def drawn(self) -> tuple[Drawn, ...]:
        """What became of each grant in the month itself."""
        return self.rated.drawn


def make(
    document: Mapping[str, Any],
    books: Books,
    booked: Mapping[date, Sequence[Booked]],
    *,
    items: Sequence[UsageItem] | None = None,
    terms: Terms | None = None,
) -> Made:
    """Rate a document with the engine that it names. `booked` has what stands already of each month under `corrected`.

    Who has items and terms at hand gives them too, and saves reading them again. Raises KeyError for a missing book.
    """
    held = terms or read_terms(document["terms"], books)
    engine = document["engine"]
    rated = rate(read_items(document["usage"]) if items is None else items, held, engine=engine)
    problems = list(rated.problems)
    lines = [Booked(line) for line in rated.lines]
    mended: dict[date, Rated] = {}
    for entry in document["corrected"]:
        origin = date.fromisoformat(entry["month"])
        now = rate(read_items(entry["usage"]), read_terms(entry["terms"], books), engine=engine)
        problems += [problem._replace(detail=f"{origin:%Y-%m}: {problem.detail}") for problem in now.problems]
        mended[origin] = now
        before = [one.original for one in booked[origin]]
        name = f"{document['tenant']} {document['month']}"
        for line in corrections(before, now.lines, booked_in=name):
            lines += _converted(line, origin, held, problems)
    lines += _adjusted(document["adjustments"], held, problems)
    return Made(tuple(lines), rated, mended, tuple(problems))


def _converted(line: Line, origin: date, terms: Terms, problems: list[Problem]) -> list[Booked]:
    """A correction in the statement's currency; of a month in another one it remembers what it is there."""
    if line.currency == terms.currency:
        return [Booked(line, origin)]
    try:
        factor = terms.rates.at(line.currency, terms.currency, terms.month.start)
    except RateMissingError as error:
        problem = Problem(-1, "currency", "rate_missing", f"Correction of {origin:%Y-%m}: {error}")
        if problem not in problems:
            problems.append(problem)
        return []
    places = places_of(terms.currency)
    costs: dict[str, Any] = {}
    for name in COSTS:
        amount = scaled(EXACT.multiply(getattr(line, name), factor), places)
        costs[name] = from_minor(round_ratio(amount.numerator, amount.denominator), places)
    prices: dict[str, Any] = {
        name: EXACT.multiply(getattr(line, name), factor).quantize(FINEST, context=EXACT)
        for name in ("list_unit_price", "contracted_unit_price")
    }
    booked_as = {"currency": line.currency, **{name: plain(getattr(line, name)) for name in COSTS}}
    return [Booked(line._replace(currency=terms.currency, **costs, **prices), origin, booked_as)]


def _adjusted(rows: Sequence[Sequence[str]], terms: Terms, problems: list[Problem]) -> list[Booked]:
    found = []
    for name, category, amount, currency, title in rows:
        if currency != terms.currency:
            detail = f"“{title}” is in {currency}, the statement in {terms.currency}; book it anew in {terms.currency}."
            problems.append(Problem(-1, "currency", "adjustment_currency", detail))
            continue
        found.append(
            Booked(_adjustment(name, Category(category), Decimal(amount), title, terms.month, currency))
        )
    return found


def _adjustment(
    name: str, category: Category, amount: Decimal, title: str, month: Period, currency: str
) -> Line:
    return Line(
        line_id=line_id(month.start.isoformat(), ADJUSTMENT, name),
        category=category,
        class_="",
        account="",
        runtime="",
        plan="",
        region="",
        meter="",
        dimension="",
        start=month.start,
        end=month.end,
        quantity=NOTHING,
        unit="",
        consumed_quantity=NOTHING,
        consumed_unit="",
        base_quantity=0,
        list_unit_price=NOTHING,
        contracted_unit_price=NOTHING,
        currency=currency,
        book="",
        book_version=0,
        price_line="",
        part="",
        credit=f"{ADJUSTMENT}{name}",
        description=title,
        list_cost=amount,
        contracted_cost=amount,
        billed_cost=amount,
        effective_cost=amount,
    )
