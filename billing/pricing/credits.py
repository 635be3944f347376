"""Credits: what a book gives back by itself, and grants that are drawn in order until nothing is left. No balance is negative."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing.pricing.charging import Charger
from billing.pricing.fx import RateMissingError
from billing.pricing.gathering import pieces_of
from billing.pricing.lines import NOTHING, line_id
from billing.pricing.money import EXACT, from_minor, places_of, round_ratio, scaled, to_minor
from billing.pricing.types import Category, Drawn, Grant, Line, Problem, Terms


@dataclass(slots=True)
class Purse:
    """What is left of a grant, in minor units of the statement's currency."""

    grant: Grant
    rate: Decimal
    before: int
    left: int

    @classmethod
    def of(cls, grant: Grant, terms: Terms) -> Purse:
        """Convert a grant, rounding down: more than was granted is never drawn; raises RateMissingError."""
        rate = terms.rates.at(grant.currency, terms.currency, terms.month.start)
        converted = scaled(EXACT.multiply(grant.remaining, rate), places_of(terms.currency))
        whole = converted.numerator // converted.denominator
        return cls(grant, rate, whole, whole)

    def drawn(self, terms: Terms) -> Drawn:
        """Say in the grant's own currency what became of it."""
        grant, taken = self.grant, self.before - self.left
        places = places_of(grant.currency)
        before = to_minor(grant.remaining, grant.currency)
        own = before if taken else 0
        if taken and self.left:
            amount = from_minor(taken, places_of(terms.currency))
            numerator, denominator = amount.as_integer_ratio()
            above, below = self.rate.as_integer_ratio()
            own = min(before, round_ratio(numerator * 10**places * below, denominator * above))
        expired = before - own if grant.expires <= terms.month.end else 0
        return Drawn(
            grant.id,
            grant.currency,
            grant.remaining,
            from_minor(own, places),
            from_minor(expired, places),
            from_minor(before - own - expired, places),
            from_minor(taken, places_of(terms.currency)),
        )


def apply_credits(lines: Sequence[Line], terms: Terms, charger: Charger) -> tuple[list[Line], list[Drawn]]:
    """Return a credit line for each charge that is credited, in the order of the charges, and what became of each grant.

    A book's own credit comes first; then the grant that expires first, of those the one that began first.
    """
    purses: list[Purse] = []
    for grant in sorted(terms.grants, key=lambda held: (held.expires, held.starts, held.id)):
        try:
            purses.append(Purse.of(grant, terms))
        except RateMissingError as error:
            charger.problems.append(Problem(-1, "currency", "rate_missing", f"Credit {grant.title}: {error}"))
    given = _BookCredits(terms, charger)
    found: list[Line] = []
    places = places_of(terms.currency)
    if not purses and not given.any:
        return found, []
    pieces = pieces_of(terms)
    for line in lines:
        if line.category is not Category.USAGE or not (purses or given.has(line)):
            continue
        due = to_minor(line.billed_cost, terms.currency)
        if due <= 0:
            continue
        piece = next(piece for piece in pieces if piece.start <= line.start < piece.end)
        credited = given.take(line, due)
        if credited:
            due -= credited
            found.append(_credit(line, line.book, credited, places, given.title(line)))
        for purse in purses:
            if due and purse.left and purse.grant.starts <= piece.start < purse.grant.expires:
                taken = min(due, purse.left)
                due -= taken
                purse.left -= taken
                found.append(_credit(line, purse.grant.id, taken, places, purse.grant.title))
    return found, [purse.drawn(terms) for purse in purses]


class _BookCredits:
    """The credits that books give by themselves, with what other months left of each one's limit."""

    def __init__(self, terms: Terms, charger: Charger) -> None:
        self.left: dict[str, int | None] = {}
        self.books = {
            (segment.book.key, segment.book.version): segment.book
            for segment in terms.segments
            if segment.book.credit
        }
        for segment, prices in zip(terms.segments, charger.prices, strict=True):
            if segment.book.credit is None or prices is None or segment.book.key in self.left:
                continue
            limit = segment.book.credit.limit
            self.left[segment.book.key] = None
            if limit is not None:
                listed = prices[limit][0]
                whole = listed.numerator // listed.denominator
                self.left[segment.book.key] = max(whole - _taken(segment.book.key, terms, charger), 0)

    @property
    def any(self) -> bool:
        return bool(self.left)

    def has(self, line: Line) -> bool:
        return (line.book, line.book_version) in self.books

    def title(self, line: Line) -> str:
        credit = self.books[line.book, line.book_version].credit
        return credit.title if credit else ""

    def take(self, line: Line, due: int) -> int:
        book = self.books.get((line.book, line.book_version))
        if book is None or book.credit is None:
            return 0
        numerator, denominator = book.credit.percent.as_integer_ratio()
        wanted = min(due, round_ratio(due * numerator, denominator * 100))
        left = self.left.get(book.key)
        if left is None:
            return wanted
        taken = min(wanted, left)
        self.left[book.key] = left - taken
        return taken


def _taken(book: str, terms: Terms, charger: Charger) -> int:
    """Return in minor units what other months took, rounded up: the limit is never exceeded by a rounding."""
    taken = 0
    for given in terms.given:
        if given.book != book:
            continue
        try:
            rate = terms.rates.at(given.currency, terms.currency, terms.month.start)
        except RateMissingError as error:
            charger.problems.append(Problem(-1, "currency", "rate_missing", f"Credit of {book}: {error}"))
            continue
        converted = scaled(EXACT.multiply(given.amount, rate), places_of(terms.currency))
        taken -= -converted.numerator // converted.denominator
    return taken


def _credit(line: Line, source: str, minor: int, places: int, title: str) -> Line:
    """A line that takes some of a charge back; it is the same account's, runtime's and meter's, so views by these tie."""
    amount = -from_minor(minor, places)
    return line._replace(
        line_id=line_id(line.line_id, "credit", source),
        category=Category.CREDIT,
        quantity=NOTHING,
        unit="",
        consumed_quantity=NOTHING,
        consumed_unit="",
        base_quantity=0,
        list_unit_price=NOTHING,
        contracted_unit_price=NOTHING,
        list_cost=amount,
        contracted_cost=amount,
        billed_cost=amount,
        effective_cost=amount,
        credit=source,
        observed_seconds=0,
        alive_seconds=0,
        description=title,
    )
