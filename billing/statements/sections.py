"""A statement's lines as people look for them: mends of earlier months, credits, fees, then usage by account and runtime."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from uuid import UUID

from django.db.models import Case, Count, F, IntegerField, Sum, Value, When
from django.db.models.query import QuerySet

from billing.pricing.types import CORRECTION, Category
from billing.statements.models import Charge


class Section(IntEnum):
    """In the order in which they are read."""

    CORRECTIONS = 1
    CREDITS = 2
    FEES = 3
    USAGE = 4

    @property
    def title(self) -> str:
        """Its heading."""
        return TITLES[self]


TITLES = {
    Section.CORRECTIONS: "Corrections of earlier months",
    Section.CREDITS: "Credits and adjustments",
    Section.FEES: "Fees of commitments",
    Section.USAGE: "Usage",
}
_KINDS = {
    Category.CREDIT: Section.CREDITS,
    Category.ADJUSTMENT: Section.CREDITS,
    Category.TAX: Section.FEES,
    Category.PURCHASE: Section.FEES,
    Category.USAGE: Section.USAGE,
}
_OF_LINE = Case(
    When(charge_class=CORRECTION, then=Value(int(Section.CORRECTIONS))),
    *(When(category=str(kind), then=Value(int(section))) for kind, section in _KINDS.items()),
    output_field=IntegerField(),
)
_WHOSE = (
    F("account").asc(nulls_first=True),
    F("runtime").asc(nulls_first=True),
)  # in the order of their making


@dataclass(frozen=True, slots=True)
class Group:
    """All lines of one runtime in a section; `runtime` None: of its account, `account` None: of the tenant as a whole."""

    section: Section
    account: UUID | None
    runtime: UUID | None
    lines: int
    billed: Decimal


def section_of(line: Charge) -> Section:
    """Return where a line stands."""
    return Section.CORRECTIONS if line.charge_class == CORRECTION else _KINDS[Category(line.category)]


def place_of(line: Charge) -> tuple[int, str, str, str, str, datetime, int]:
    """Return where a line stands among the others; `in_sections` has the same order."""
    whose = (str(line.account or ""), str(line.runtime or ""))
    return (section_of(line), *whose, line.meter, line.dimension, line.period_start, line.position)


def in_sections(lines: QuerySet[Charge]) -> QuerySet[Charge]:
    """Return lines in the order of sections, accounts and runtimes."""
    return lines.order_by(_OF_LINE, *_WHOSE, "meter", "dimension", "period_start", "position")


def groups_of(lines: QuerySet[Charge]) -> list[Group]:
    """Return what the lines of each runtime add up to, in the order of `in_sections`; one statement."""
    found = lines.order_by().annotate(section=_OF_LINE).values_list("section", "account", "runtime")
    sums = found.annotate(lines=Count("*"), billed=Sum("billed_cost")).order_by("section", *_WHOSE)
    return [Group(Section(section), *rest) for section, *rest in sums]
