"""Charges groups of usage by the price lines of their books; what counts together (tiers, packages) is charged together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from billing.pricing.book import PriceLine, Scope
from billing.pricing.discounts import Prices
from billing.pricing.fx import RateMissingError
from billing.pricing.gathering import Group, pieces_of
from billing.pricing.lines import shares_of, usage_line
from billing.pricing.rules.base import Part, UnpricedError, Use
from billing.pricing.types import Line, Problem, Segment, Terms


@dataclass(slots=True)
class Stage:
    """What a scope used of one price line while one segment held, in one piece of the month."""

    number: int  # of the segment
    line: PriceLine
    groups: list[Group] = field(default_factory=list)


class Charger:
    """Charges one tenant's month."""

    def __init__(self, terms: Terms, problems: list[Problem]) -> None:
        self.terms = terms
        self.problems = problems
        self.pieces = pieces_of(terms)
        self.since = [piece.start.isoformat() for piece in self.pieces]
        self.prices: list[Prices | None] = [self._priced(segment) for segment in terms.segments]
        self._segments: dict[tuple[int, str], int] = {}

    def segment_of(self, piece: int, plan: str) -> int:
        """Return the number of the segment that prices a plan in a piece of the month, or -1."""
        try:
            return self._segments[piece, plan]
        except KeyError:
            start = self.pieces[piece].start
            held = [n for n, part in enumerate(self.terms.segments) if part.start <= start < part.end]
            named = [n for n in held if plan in (self.terms.segments[n].plans or ())]
            rest = [n for n in held if self.terms.segments[n].plans is None]
            found = self._segments[piece, plan] = next(iter([*named, *rest]), -1)
            return found

    def line_of(self, group: Group) -> tuple[Prices, int, PriceLine] | None:
        """Return what prices a group; None where nothing does (noted) or its meter is free."""
        number = self.segment_of(group.piece, group.plan)
        if number < 0:
            since = self.pieces[group.piece].start.date()
            detail = (
                f"no price book holds for plan {group.plan} from {since}; add one, or name it in a contract."
            )
            self.problems.append(Problem(group.row, "plan", "plan_unpriced", detail))
            return None
        prices = self.prices[number]
        if prices is None:  # no exchange rate: noted once
            return None
        book = prices.segment.book
        line = book.line_for(group.meter, group.dimension, group.plan, group.region)
        if line is None and group.meter not in book.free:
            detail = f"{group.meter} has no price in {book.key} version {book.version}; add a line or name it under free."
            self.problems.append(Problem(group.row, "meter", "meter_unpriced", detail))
        return (prices, number, line) if line else None

    def charge(self, groups: Sequence[Group]) -> Iterator[Line]:
        """Yield the lines of all groups."""
        counted: dict[tuple[str, str, str, str], dict[tuple[int, int], Stage]] = {}
        for group in groups:
            if not group.base:
                continue
            found = self.line_of(group)
            if found is None:
                continue
            prices, number, line = found
            if line.rule.counts or line.per is not Scope.RUNTIME:
                key = (prices.segment.book.key, line.key, *_scope_of(line, group))
                stages = counted.setdefault(key, {})
                stages.setdefault((group.piece, number), Stage(number, line)).groups.append(group)
                continue
            yield from self._alone(group, prices, line)
        for stages in counted.values():
            yield from self._together([stages[key] for key in sorted(stages)])

    def _alone(self, group: Group, prices: Prices, line: PriceLine) -> Iterator[Line]:
        use = Use(group.base, line.facts.per_unit, dimension=group.dimension)
        for part in self._parts(use, line, group):
            for share in shares_of(part, [group], prices):
                yield usage_line(share, part, line, prices, self.since[group.piece])

    def _together(self, stages: list[Stage]) -> Iterator[Line]:
        seen = [_seen(stage.groups) for stage in stages]
        bases = [sum(group.base for group in stage.groups) for stage in stages]
        share = self._share(stages)
        spent = Fraction(0)
        for place, stage in enumerate(stages):
            first = stage.groups[0]
            use = Use(
                base=bases[place],
                per_unit=stage.line.facts.per_unit,
                before=sum(bases[:place]),
                total=sum(bases),
                dimension=first.dimension,
                observed_seconds=seen[place],
                observed_before=sum(seen[:place]),
                observed_total=sum(seen),
                month_seconds=self.terms.month.seconds,
                share=share,
                first=place == 0,
                last=place == len(stages) - 1,
                spent=spent,
            )
            prices = self.prices[stage.number]
            assert prices is not None  # noqa: S101 - line_of answers None for these
            parts = self._parts(use, stage.line, first)
            spent += sum((part.amount for part in parts), Fraction(0))
            for part in parts:
                for piece in shares_of(part, stage.groups, prices):
                    if piece.base or piece.numerator or not part.base:
                        yield usage_line(piece, part, stage.line, prices, self.since[first.piece])

    def _parts(self, use: Use, line: PriceLine, group: Group) -> list[Part]:
        try:
            return line.rule.charge(use)
        except UnpricedError as error:
            detail = f"Price line {line.key}: {error}"
            self.problems.append(Problem(group.row, "dimension", "dimension_unpriced", detail))
            return []

    def _priced(self, segment: Segment) -> Prices | None:
        try:
            return Prices.of(segment, self.terms)
        except RateMissingError as error:
            self.problems.append(Problem(-1, "currency", "rate_missing", str(error)))
            return None

    def _share(self, stages: Sequence[Stage]) -> Fraction:
        """Return in how much of the month the book of a scope holds, whatever its versions."""
        book = self.terms.segments[stages[0].number].book.key
        spans = {(part.start, part.end) for part in self.terms.segments if part.book.key == book}
        seconds = sum(int((end - start).total_seconds()) for start, end in spans)
        return min(Fraction(seconds, self.terms.month.seconds), Fraction(1))


def _scope_of(line: PriceLine, group: Group) -> tuple[str, str]:
    dimension = group.dimension if line.rule.by_dimension else ""
    if line.per is Scope.TENANT:
        return "", dimension
    return (group.account if line.per is Scope.ACCOUNT else group.runtime), dimension


def _seen(groups: Sequence[Group]) -> int:
    """Return how long the runtimes of some groups were seen; several dimensions of one runtime are seen at once."""
    longest: dict[str, int] = {}
    for group in groups:
        longest[group.runtime] = max(longest.get(group.runtime, 0), group.observed)
    return sum(longest.values())
