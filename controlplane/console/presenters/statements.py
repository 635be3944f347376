"""Statements as people read them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing.meters.registry import meters
from billing.pricing.money import quantity_of
from billing.statements.canonical import plain
from billing.statements.evidence import Piece, Sample
from billing.statements.models import Charge, State, Statement
from billing.statements.reading import name_in
from controlplane.console.presenters.badges import Badge
from controlplane.console.presenters.figures import MINUS, grouped

STATES = {
    State.DRAFT: Badge("Draft", "clock", "wait"),
    State.SEALED: Badge("Sealed", "check-circle", "ok"),
}
CORRECTION = Badge("Correction", "arrow-path", "wait")
CREDIT = Badge("Credit", "check-circle", "ok")
BLOCKED = Badge("Can't be sealed", "exclamation-triangle", "bad")


@dataclass(frozen=True)
class LineShown:
    """One row of a statement's page."""

    line: Charge
    what: str
    whose: str  # the runtime, else the account, else the tenant as a whole
    under: str
    quantity: str
    price: str
    billed: str
    badge: Badge | None
    coverage: str


@dataclass(frozen=True)
class PieceShown:
    """A day, an hour or a sample of a line."""

    piece: Any
    amount: str
    inferred: str
    coverage: str
    whole: bool


def money(amount: Decimal) -> str:
    """Write an amount with at least two places and a real minus."""
    whole, _, places = plain(amount).partition(".")
    sign, digits = (MINUS, whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(digits):,}.{places.ljust(2, '0')}"


def percent(part: int, whole: int) -> str:
    """Write a share of time; never 100 where something is missing."""
    if not whole:
        return "no time"
    hundredths = part * 10_000 // whole
    return f"{plain(Decimal(hundredths) / 100)} %"


def badge_of(row: Statement) -> Badge:
    """Return a statement's state."""
    return BLOCKED if row.problems else STATES[State(row.state)]


def line_shown(row: Statement, line: Charge) -> LineShown:
    """Return one line in words."""
    account, runtime = name_in(row.names, line.account), name_in(row.names, line.runtime)
    period = f"{line.period_start:%d %b} to {line.period_end:%d %b}"
    what = f"{line.description or line.price_line}{f', {line.dimension}' if line.dimension else ''}"
    under = [period, line.part, f"mends {line.origin_month:%B %Y}" if line.origin_month else ""]
    known = CORRECTION if line.charge_class else CREDIT if line.category == "Credit" else None
    return LineShown(
        line,
        what,
        runtime or account or "The tenant as a whole",
        " · ".join(filter(None, under)) if not runtime else " · ".join(filter(None, [account, *under])),
        f"{grouped(Decimal(plain(line.quantity.quantize(Decimal('0.0001')))))} {line.unit}"
        if line.unit
        else "",
        f"{plain(line.contracted_unit_price)}" if line.unit else "",
        money(line.billed_cost),
        known,
        percent(line.observed_seconds, line.alive_seconds) if line.alive_seconds else "",
    )


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
