"""Commitments: a fee a month for so many units, used or not. What they cover is billed nothing and bears its share of the fee."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing.pricing.charging import Charger
from billing.pricing.fx import RateMissingError
from billing.pricing.gathering import Group
from billing.pricing.lines import NOTHING, Share, line_id, usage_line
from billing.pricing.money import EXACT, from_minor, places_of, quantity_of, round_ratio, scaled, split
from billing.pricing.rules.base import Part, UnpricedError
from billing.pricing.types import (
    UNUSED,
    USED,
    Category,
    Commitment,
    CommitmentUse,
    Line,
    MeterFacts,
    Problem,
    Terms,
)


@dataclass(slots=True)
class Cover:
    """How much of a group a commitment covers."""

    group: Group
    base: int


def apply_commitments(
    groups: Sequence[Group], terms: Terms, charger: Charger
) -> tuple[list[Line], list[CommitmentUse]]:
    """Take what commitments cover off the groups, earliest first, and return the lines of it."""
    lines: list[Line] = []
    uses: list[CommitmentUse] = []
    for commitment in sorted(terms.commitments, key=lambda held: held.id):
        if not (commitment.starts <= terms.month.start and terms.month.end <= commitment.ends):
            continue
        facts, rate = _facts(commitment, terms, charger)
        if facts is None or rate is None:
            continue
        fee = scaled(EXACT.multiply(commitment.fee, rate), places_of(terms.currency))
        cost = round_ratio(fee.numerator, fee.denominator)
        committed = int(EXACT.multiply(commitment.units, facts.per_unit))
        covers = list(_cover(groups, commitment, committed))
        unused = committed - sum(cover.base for cover in covers)
        shares = split(cost, [*(cover.base for cover in covers), unused])
        lines.append(_purchase(commitment, terms, cost))
        for cover, share in zip(covers, shares, strict=False):
            lines += _covered(cover, commitment, share, terms, charger)
        if unused:
            lines.append(_unused(commitment, facts, terms, unused, shares[-1]))
        uses.append(
            CommitmentUse(
                commitment.id,
                commitment.units,
                quantity_of(committed - unused, facts.per_unit),
                quantity_of(unused, facts.per_unit),
            )
        )
    return lines, uses


def _facts(
    commitment: Commitment, terms: Terms, charger: Charger
) -> tuple[MeterFacts | None, Decimal | None]:
    """Return the meter and the exchange rate of a commitment; what is missing is noted, and nothing of it is booked."""
    known = (segment.book.meters.get(commitment.meter) for segment in terms.segments)
    facts = next((facts for facts in known if facts), None)
    if facts is None:
        detail = f"Commitment {commitment.title}: no price book knows the meter {commitment.meter}; end it."
        charger.problems.append(Problem(-1, "meter", "meter_unknown", detail))
    try:
        rate = terms.rates.at(commitment.currency, terms.currency, terms.month.start)
    except RateMissingError as error:
        detail = f"Commitment {commitment.title}: {error}"
        charger.problems.append(Problem(-1, "currency", "rate_missing", detail))
        return facts, None
    return facts, rate


def _cover(groups: Sequence[Group], commitment: Commitment, committed: int) -> Iterator[Cover]:
    """Cover piece after piece of the month; where not all of a piece is covered, each runtime gets its share."""
    wanted = [
        group
        for group in groups
        if group.meter == commitment.meter
        and (not commitment.dimension or group.dimension == commitment.dimension)
        and group.base
    ]
    for piece in sorted({group.piece for group in wanted}):
        members = [group for group in wanted if group.piece == piece]
        whole = sum(group.base for group in members)
        taken = min(whole, committed)
        committed -= taken
        for group, share in zip(members, split(taken, [group.base for group in members]), strict=True):
            if share:
                group.base -= share
                yield Cover(group, share)


def _covered(
    cover: Cover, commitment: Commitment, share: int, terms: Terms, charger: Charger
) -> Iterator[Line]:
    """What it would have cost stands in the line as list and contracted cost; it is billed nothing."""
    group = cover.group
    found = charger.line_of(group)
    if found is None:
        return
    prices, _, line = found
    try:
        price, numerator, denominator = line.rule.list_price(group.dimension, line.facts.per_unit)
    except UnpricedError as error:
        charger.problems.append(
            Problem(group.row, "dimension", "dimension_unpriced", f"Price line {line.key}: {error}")
        )
        return
    units = cover.base * numerator
    part = Part("committed", cover.base, units, denominator, price, unit=line.rule.unit)
    listed, contracted = prices[price.amount]
    costs = [
        round_ratio(units * one.numerator, denominator * one.denominator) for one in (listed, contracted)
    ]
    found_line = usage_line(
        Share(group, cover.base, units, denominator, *costs), part, line, prices, charger.since[group.piece]
    )
    yield found_line._replace(
        line_id=line_id(found_line.line_id, commitment.id),
        billed_cost=NOTHING,
        effective_cost=from_minor(share, prices.places),
        commitment=commitment.id,
        commitment_status=USED,
        description=f"{found_line.description}, covered by {commitment.title}",
    )


def _purchase(commitment: Commitment, terms: Terms, cost: int) -> Line:
    fee = from_minor(cost, places_of(terms.currency))
    return _own_line(commitment, terms, "purchase")._replace(
        category=Category.PURCHASE,
        quantity=quantity_of(1, 1),
        unit="Months",
        list_unit_price=fee,
        contracted_unit_price=fee,
        list_cost=fee,
        contracted_cost=fee,
        billed_cost=fee,
        description=commitment.title,
    )


def _unused(commitment: Commitment, facts: MeterFacts, terms: Terms, base: int, share: int) -> Line:
    return _own_line(commitment, terms, "unused")._replace(
        quantity=quantity_of(base, facts.per_unit),
        unit=facts.unit,
        consumed_unit=facts.unit,
        effective_cost=from_minor(share, places_of(terms.currency)),
        commitment_status=UNUSED,
        description=f"{commitment.title}, not used",
    )


def _own_line(commitment: Commitment, terms: Terms, part: str) -> Line:
    """A line that is the tenant's as a whole: of no account and no runtime."""
    return Line(
        line_id=line_id(terms.month.start.isoformat(), commitment.id, part),
        category=Category.USAGE,
        class_="",
        account="",
        runtime="",
        plan="",
        region="",
        meter=commitment.meter,
        dimension=commitment.dimension,
        start=terms.month.start,
        end=terms.month.end,
        quantity=NOTHING,
        unit="",
        consumed_quantity=NOTHING,
        consumed_unit="",
        base_quantity=0,
        list_unit_price=NOTHING,
        contracted_unit_price=NOTHING,
        list_cost=NOTHING,
        contracted_cost=NOTHING,
        billed_cost=NOTHING,
        effective_cost=NOTHING,
        currency=terms.currency,
        book="",
        book_version=0,
        price_line="",
        part=part,
        commitment=commitment.id,
    )
