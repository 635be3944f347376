"""Statements as people read them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any
from uuid import UUID

from billing.meters.registry import meters
from billing.pricing.amounts import digits, plain
from billing.pricing.money import quantity_of
from billing.statements.evidence import Piece, Sample
from billing.statements.models import Charge, State, Statement
from billing.statements.reading import name_in
from billing.statements.sections import Group, Section, section_of
from controlplane.console.presenters.badges import Badge
from controlplane.console.presenters.figures import grouped

STATES = {
    State.DRAFT: Badge("Draft", "clock", "wait"),
    State.SEALED: Badge("Sealed", "check-circle", "ok"),
}
CORRECTION = Badge("Correction", "arrow-path", "wait")
CREDIT = Badge("Credit", "check-circle", "ok")
TENANT = "The tenant as a whole"
ABOUT = {
    Section.CORRECTIONS: "Usage of a month that was sealed already came in or changed afterwards. These lines keep the period "
    "that they are about; the earlier statement stays as it was.",
    Section.CREDITS: "What is given back, and what was added or taken off by hand.",
    Section.FEES: "What is paid each month, used or not.",
    Section.USAGE: "What this month's runtimes used, before credits.",
}
Names = Mapping[str, str]
BLOCKED = Badge("Can't be sealed", "exclamation-triangle", "bad")


@dataclass(frozen=True)
class LineShown:
    """One row of a statement's page."""

    line: Charge
    what: str
    whose: str  # the runtime, else the account, else the tenant as a whole
    under: str
    when: str  # the same without the account
    quantity: str
    price: str
    billed: str
    badge: Badge | None
    coverage: str


@dataclass(frozen=True)
class RuntimeShown:
    """Lines of one runtime, or of an account or tenant as a whole; `billed` is what all of them are, on other pages too."""

    name: str
    billed: str
    lines: list[LineShown]


@dataclass(frozen=True)
class AccountShown:
    """An account in a section."""

    name: str
    billed: str
    runtimes: list[RuntimeShown] = field(default_factory=list)


@dataclass(frozen=True)
class SectionShown:
    """A section of a statement, as far as this page has it."""

    key: str
    title: str
    about: str
    billed: str
    lines: int
    href: str  # where it begins, on this page or another one
    accounts: list[AccountShown] = field(default_factory=list)


@dataclass(frozen=True)
class PieceShown:
    """A day, an hour or a sample of a line."""

    piece: Any
    amount: str
    inferred: str
    coverage: str
    whole: bool


def percent(part: int, whole: int) -> str:
    """Write a share of time; never 100 where something is missing."""
    if not whole:
        return "no time"
    hundredths = part * 10_000 // whole
    return f"{plain(Decimal(hundredths) / 100)} %"


def badge_of(row: Statement) -> Badge:
    """Return a statement's state."""
    return BLOCKED if row.problems else STATES[State(row.state)]


def line_shown(row: Statement, line: Charge, names: Names) -> LineShown:
    """Return one line in words."""
    account, runtime = name_in(names, line.account), name_in(names, line.runtime)
    first, last = line.period_start, line.period_end - timedelta(microseconds=1)
    period = f"{first:%-d %b}" if first.date() == last.date() else f"{first:%-d %b} to {last:%-d %b}"
    what = f"{line.description or line.price_line}{f', {line.dimension}' if line.dimension else ''}"
    under = [period, line.part, f"mends {line.origin_month:%B %Y}" if line.origin_month else ""]
    known = CORRECTION if line.charge_class else CREDIT if line.category == "Credit" else None
    return LineShown(
        line,
        what,
        runtime or account or TENANT,
        " · ".join(filter(None, under)) if not runtime else " · ".join(filter(None, [account, *under])),
        " · ".join(filter(None, under)),
        quantity_shown(line, line.quantity),
        f"{plain(line.contracted_unit_price)}" if line.unit else "",
        digits(line.billed_cost, row.currency),
        known,
        percent(line.observed_seconds, line.alive_seconds) if line.alive_seconds else "",
    )


def quantity_shown(line: Charge, quantity: Decimal) -> str:
    """Write a quantity in a line's unit, to four places; nothing where it has none."""
    return f"{grouped(Decimal(plain(quantity.quantize(Decimal('0.0001')))))} {line.unit}" if line.unit else ""


def sections_shown(
    row: Statement, groups: Sequence[Group], lines: Sequence[Charge], names: Names, *, first: int
) -> list[SectionShown]:
    """Return every section with its sum, and in it the lines of this page, from the `first` on, by account and runtime."""
    found: dict[Section, SectionShown] = {}
    begins = 0
    for section in sorted({group.section for group in groups}):
        here = first <= begins < first + len(lines)
        found[section] = shown_section = _section(row, section, groups, "" if here else f"?from={begins}")
        begins += shown_section.lines
    for (section, account), mine in groupby(lines, lambda line: (section_of(line), line.account)):
        billed = _billed(
            row, (group for group in groups if (group.section, group.account) == (section, account))
        )
        shown = AccountShown(name_in(names, account) or TENANT, billed)
        for runtime, theirs in groupby(mine, lambda line: line.runtime):
            shown.runtimes.append(_runtime(row, groups, (section, account, runtime), theirs, names))
        found[section].accounts.append(shown)
    return list(found.values())


def _section(row: Statement, section: Section, groups: Sequence[Group], page: str) -> SectionShown:
    mine = [group for group in groups if group.section is section]
    lines = sum(group.lines for group in mine)
    key = section.name.lower()
    return SectionShown(key, section.title, ABOUT[section], _billed(row, mine), lines, f"{page}#h-{key}")


def _runtime(
    row: Statement,
    groups: Sequence[Group],
    place: tuple[Section, UUID | None, UUID | None],
    lines: Iterable[Charge],
    names: Names,
) -> RuntimeShown:
    mine = (group for group in groups if (group.section, group.account, group.runtime) == place)
    return RuntimeShown(
        name_in(names, place[2]), _billed(row, mine), [line_shown(row, line, names) for line in lines]
    )


def _billed(row: Statement, groups: Iterable[Group]) -> str:
    return digits(sum((group.billed for group in groups), Decimal(0)), row.currency)


def pieces_shown(line: Charge, pieces: Iterable[Piece]) -> list[PieceShown]:
    """Return days or hours of a line in the meter's unit."""
    return [
        PieceShown(
            piece,
            in_unit(line.meter, piece.quantity),
            in_unit(line.meter, piece.inferred) if piece.inferred else "",
            percent(piece.observed_seconds, piece.alive_seconds),
            piece.observed_seconds == piece.alive_seconds,
        )
        for piece in pieces
    ]


def base_of(meter: str) -> str:
    """Return what a meter's levels count in, "" for one that is no more or counts things."""
    known = meters().get(meter)
    return "" if known is None or known.base == "count" else known.base


def samples_shown(line: Charge, samples: Iterable[Sample]) -> list[PieceShown]:
    """Return samples of a line; a level is in the meter's base unit."""
    return [PieceShown(sample, grouped(sample.level), "", "", whole=True) for sample in samples]


def in_unit(meter: str, base: int) -> str:
    """Write base-unit-seconds in the meter's unit, to four places."""
    known = meters().get(meter)
    if known is None:
        return str(base)
    amount = plain(quantity_of(base, known.per_unit).quantize(Decimal("0.0001")))
    return f"{grouped(Decimal(amount))} {known.unit}"
