"""Charges groups of usage by the price lines of their books; what counts together (tiers, packages) is charged together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate

from billing.pricing import engine_1, engine_2
from billing.pricing.book import PriceLine, Scope
from billing.pricing.discounts import Prices
from billing.pricing.fx import RateMissingError
from billing.pricing.gathering import Group, pieces_of
from billing.pricing.lines import shares_of, usage_line
from billing.pricing.rules.base import Part, Stand, UnpricedError, Use
from billing.pricing.types import ENGINE_VERSION, FIRST_ENGINE, Line, Problem, Segment, Terms

Key = tuple[str, str, str, str]  # of what counts together: book, price line, account or runtime, dimension
Priced = tuple[Prices, int, PriceLine]


@dataclass(slots=True)
class Stage:
    """What a scope used of one price line while one segment held, in one piece of the month."""

    number: int  # of the segment
    line: PriceLine
    groups: list[Group] = field(default_factory=list)

    @property
    def base(self) -> int:
        """How much that is."""
        return sum(group.base for group in self.groups)

    @property
    def payers(self) -> list[Group]:
        """Who shares the charge: whoever used something, or all where nobody did."""
        return [group for group in self.groups if group.base] or self.groups


class Charger:
    """Charges one tenant's month."""

    def __init__(self, terms: Terms, problems: list[Problem], engine: str = ENGINE_VERSION) -> None:
        self.terms = terms
        self.problems = problems
        self.engine = engine
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

    def line_of(self, group: Group) -> Priced | None:
        """Return what prices a group; None where nothing does (noted) or its meter is free."""
        found = self._found(group)
        if found is None:
            self._note(group)
        return found

    def charge(self, groups: Sequence[Group]) -> Iterator[Line]:
        """Yield the lines of all groups."""
        counted: dict[Key, dict[tuple[int, int], Stage]] = {}
        for group in groups:
            if not group.base:
                continue
            found = self.line_of(group)
            if found is None:
                continue
            prices, number, line = found
            if _counts(line):
                stages = counted.setdefault(_key(found, group), {})
                stages.setdefault((group.piece, number), Stage(number, line)).groups.append(group)
                continue
            yield from self._alone(group, prices, line)
        if self.engine != FIRST_ENGINE and len(self.pieces) > 1:
            self._add_idle(counted, groups)
        for stages in counted.values():
            yield from self._together([stages[key] for key in sorted(stages)])

    def _add_idle(self, counted: dict[Key, dict[tuple[int, int], Stage]], groups: Sequence[Group]) -> None:
        """Let time count in which what was used in another piece of the month was not: in an uncut month it would."""
        users: dict[Key, set[tuple[str, ...]]] = {}
        for group in groups:
            found = None if group.base or not group.observed else self._found(group)
            if found is None or not _counts(found[2]):
                continue
            key = _key(found, group)
            stages = counted.get(key, {})
            if key not in users:
                users[key] = {
                    used.place[1:] for stage in stages.values() for used in stage.groups if used.base
                }
            if group.place[1:] in users[key]:
                _, number, line = found
                stages.setdefault((group.piece, number), Stage(number, line)).groups.append(group)

    def _found(self, group: Group) -> Priced | None:
        number = self.segment_of(group.piece, group.plan)
        prices = self.prices[number] if number >= 0 else None
        if prices is None:
            return None
        line = prices.segment.book.line_for(group.meter, group.dimension, group.plan, group.region)
        return (prices, number, line) if line else None

    def _note(self, group: Group) -> None:
        """Note why nothing prices a group, unless it is free, or a missing exchange rate, which was noted once."""
        number = self.segment_of(group.piece, group.plan)
        if number < 0:
            since = self.pieces[group.piece].start.date()
            detail = (
                f"no price book holds for plan {group.plan} from {since}; add one, or name it in a contract."
            )
            self.problems.append(Problem(group.row, "plan", "plan_unpriced", detail))
            return
        book = self.terms.segments[number].book
        if self.prices[number] is not None and group.meter not in book.free:
            detail = f"{group.meter} has no price in {book.key} version {book.version}; add a line or name it under free."
            self.problems.append(Problem(group.row, "meter", "meter_unpriced", detail))

    def _alone(self, group: Group, prices: Prices, line: PriceLine) -> Iterator[Line]:
        use = Use(group.base, line.facts.per_unit, dimension=group.dimension)
        for part in self._parts(use, line, group):
            for share in shares_of(part, [group], prices):
                yield usage_line(share, part, line, prices, self.since[group.piece])

    def _together(self, stages: list[Stage]) -> Iterator[Line]:
        stands = self._stands(stages)
        active = [place for place, stage in enumerate(stages) if stage.base]
        last = _alike_until(stages, active[-1])
        share, spent = self._share(stages), Fraction(0)
        for place, stage in enumerate(stages):
            first, before, until = stage.groups[0], stands[place], stands[place + 1]
            use = Use(
                base=until.used - before.used,
                per_unit=stage.line.facts.per_unit,
                before=before.used,
                total=stands[-1].used,
                dimension=first.dimension,
                observed_seconds=until.seen - before.seen,
                observed_before=before.seen,
                observed_total=stands[-1].seen,
                month_seconds=self.terms.month.seconds,
                share=share,
                first=place == active[0],
                last=place == last,
                spent=spent,
                ahead=tuple(stands[place + 2 : _alike_until(stages, place) + 2]),
                engine=self.engine,
            )
            prices = self.prices[stage.number]
            assert prices is not None  # noqa: S101 - nothing is found by a book without prices
            parts = [part for part in self._parts(use, stage.line, first) if part.base or part.numerator]
            spent += sum((part.amount for part in parts), Fraction(0))
            for part in parts:
                for piece in shares_of(part, stage.payers, prices):
                    if piece.base or piece.numerator or not part.base:
                        yield usage_line(piece, part, stage.line, prices, self.since[first.piece])

    def _stands(self, stages: Sequence[Stage]) -> list[Stand]:
        """Return how the month stands before the first stage and at the end of each."""
        groups = [stage.groups for stage in stages]
        seen = engine_1.seen_until(groups) if self.engine == FIRST_ENGINE else _seen_until(groups)
        used = accumulate(stage.base for stage in stages)
        return [Stand(0, 0), *map(Stand, used, seen)]

    def _parts(self, use: Use, line: PriceLine, group: Group) -> list[Part]:
        try:
            parts = line.rule.charge(use)
            return engine_2.labelled(parts) if self.engine in engine_2.ENGINES else parts
        except UnpricedError as error:
            if use.base:  # what was not used needs no price
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


def _alike_until(stages: Sequence[Stage], place: int) -> int:
    """Return the last of the stages behind one that all are charged as it is: what another price includes is not lent to it."""
    rule = stages[place].line.rule
    while place + 1 < len(stages) and stages[place + 1].line.rule == rule:
        place += 1
    return place


def _scope_of(line: PriceLine, group: Group) -> tuple[str, str]:
    dimension = group.dimension if line.rule.by_dimension else ""
    if line.per is Scope.TENANT:
        return "", dimension
    return (group.account if line.per is Scope.ACCOUNT else group.runtime), dimension


def _counts(line: PriceLine) -> bool:
    return line.rule.counts or line.per is not Scope.RUNTIME


def _key(found: Priced, group: Group) -> Key:
    prices, _, line = found
    return (prices.segment.book.key, line.key, *_scope_of(line, group))


def _seen_until(pieces: Iterable[Sequence[Group]]) -> list[int]:
    """Return how long the runtimes of some groups were seen until the end of each piece of the month.

    Several dimensions of one runtime are seen at once, so the longest counts; of two plans or accounts each has its own time.
    """
    sums: dict[tuple[str, ...], int] = {}
    longest: dict[tuple[str, str, str], int] = {}
    found: list[int] = []
    for groups in pieces:
        for group in groups:
            name = group.place[1:]
            sums[name] = sums.get(name, 0) + group.observed
            whose = (group.account, group.runtime, group.plan)
            longest[whose] = max(longest.get(whose, 0), sums[name])
        found.append(sum(longest.values()))
    return found
