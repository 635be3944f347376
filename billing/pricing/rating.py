"""From usage to lines. The same usage, terms and engine give the same lines, byte for byte, in whatever order the usage comes."""

from __future__ import annotations

from collections.abc import Iterable

from billing.pricing.bounds import fitting
from billing.pricing.charging import Charger
from billing.pricing.commitments import apply_commitments
from billing.pricing.credits import apply_credits
from billing.pricing.gathering import gather
from billing.pricing.lines import place_of
from billing.pricing.types import ENGINE_VERSION, Problem, Rated, Terms, UsageItem


def rate(items: Iterable[UsageItem], terms: Terms, *, engine: str = ENGINE_VERSION) -> Rated:
    """Rate one tenant's usage of one month.

    First what commitments cover, then the price lines of the books, then credits. What can't be rated is left out and stands in
    `problems`, each with the item's row, its field and the remedy; the rest is rated. Nothing is raised for wrong usage. An older
    `engine`, one of ENGINES, is for checking what it sealed.
    """
    problems: list[Problem] = []
    groups = gather(items, terms, problems)
    charger = Charger(terms, problems, engine)
    lines, uses = apply_commitments(groups, terms, charger)
    lines += charger.charge(groups)
    lines.sort(key=place_of)
    lines = fitting(lines, problems)
    credited, drawn = apply_credits(lines, terms, charger)
    if credited:
        lines = sorted([*lines, *credited], key=place_of)
    named = {(line.book, line.book_version) for line in lines}
    books = {
        f"{segment.book.key}/{segment.book.version}": segment.book.digest
        for segment in terms.segments
        if (segment.book.key, segment.book.version) in named
    }
    noted = tuple(dict.fromkeys(problems))
    return Rated(terms.currency, tuple(lines), tuple(drawn), tuple(uses), noted, engine, books)
