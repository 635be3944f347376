"""Sets the provider's bill, what was measured and what was billed side by side; says what is left of it, by tenant and plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.conf import settings

from billing.books.models import ExchangeRate
from billing.books.services import HOUSE_CURRENCY
from billing.exports import comparing_queries as sql
from billing.exports.bills.groups import OF_METER
from billing.exports.queries import rows
from billing.pricing.fx import Rate, RateMissingError, Rates
from billing.pricing.periods import month as period_of
from billing.usage.slots import start_of
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor, Permission

CENT = Decimal("0.01")


class Part(StrEnum):
    """Whose a row of margins is: a tenant's or plan's, or one of the two that are nobody's."""

    OWNED = "owned"
    FEES = "fees"  # billed, and of no plan
    UNATTRIBUTED = "unattributed"  # charged by a provider, and no runtime owns it


NAMES = {Part.FEES: "Fees, credits and adjustments", Part.UNATTRIBUTED: "Unattributed"}


@dataclass(frozen=True, slots=True)
class Compared:
    """One provider, landscape and meter group; `unattributed` is what the provider billed and no runtime owns."""

    provider: str
    landscape: str
    meter_group: str
    unattributed: bool
    cost: Decimal  # of the provider, amortized
    cost_days: int  # of runtimes, on the provider's bill
    metered_days: int  # of runtimes, measured
    metered: Decimal  # at list price
    billed: Decimal

    @property
    def margin(self) -> Decimal:
        """What is left."""
        return self.billed - self.cost


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A month: rows, and their sums, which are the wholes; `problems` say what is not in them."""

    month: date
    currency: str
    rows: Sequence[Compared]
    unmeasured_days: int  # of runtimes: on the bill, never measured
    unmeasured_cost: Decimal
    problems: Sequence[str]
    worth: Mapping[str, Decimal]  # of one unit of each currency, in the house's

    @property
    def total(self) -> Compared:
        """The sum of all rows."""
        return Compared(
            "", "", "", False,  # noqa: FBT003 - as in a row
            sum((row.cost for row in self.rows), Decimal(0)), sum(row.cost_days for row in self.rows),
            sum(row.metered_days for row in self.rows), sum((row.metered for row in self.rows), Decimal(0)),
            sum((row.billed for row in self.rows), Decimal(0)),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Share:
    """A tenant or plan; without a key it is what belongs to none, and `part` says what that is."""

    key: str
    name: str
    billed: Decimal
    cost: Decimal
    part: Part = Part.OWNED

    @property
    def margin(self) -> Decimal:
        """What is left."""
        return self.billed - self.cost

    @property
    def percent(self) -> Decimal | None:
        """The margin in percent of what was billed; None where nothing was."""
        return round(100 * self.margin / self.billed, 1) if self.billed > 0 else None


@dataclass(frozen=True, slots=True)
class Measured:
    """One tenant's part of what a row of the comparison measured and billed."""

    key: str
    name: str
    metered_days: int  # of runtimes
    metered: Decimal  # at list price
    billed: Decimal


@dataclass(frozen=True, slots=True)
class Margin:
    """What is left of a month, by tenant or plan."""

    month: date
    currency: str
    rows: Sequence[Share]
    trial_cost: Decimal
    trials: int  # whose runtime began in the month
    problems: Sequence[str]

    @property
    def total(self) -> Share:
        """The sum of all rows."""
        billed = sum((row.billed for row in self.rows), Decimal(0))
        return Share("", "", billed, sum((row.cost for row in self.rows), Decimal(0)))

    @property
    def cost_per_trial(self) -> Decimal | None:
        """What one trial cost; None where none began."""
        return round(self.trial_cost / self.trials, 2) if self.trials else None


def reconcile(*, actor: Actor, month: date) -> Reconciliation:
    """Return a month's comparison in the house's currency; amounts are exact, to be rounded where they are shown.

    Raises Refused forbidden (403).
    """
    values, problems = _values(actor, month)
    found = [Compared(*row) for row in rows(sql.RECONCILE, values)]
    days, lost = rows(sql.UNMEASURED, values)[0]
    worth = dict(zip(values["codes"], values["worth"], strict=True))
    return Reconciliation(month, HOUSE_CURRENCY, found, days, lost, problems, worth)


def margin(*, actor: Actor, month: date, by: str = "tenant") -> Margin:
    """Return what is left of a month by tenant or by plan; raises Refused forbidden (403)."""
    values, problems = _values(actor, month)
    statement = sql.MARGIN_OF_PLANS if by == "plan" else sql.MARGIN_OF_TENANTS
    shares = (Share(key or "", name or "", *amounts) for key, name, *amounts in rows(statement, values))
    found = list(_told_apart(shares))
    cost, count = rows(sql.TRIALS, {**values, "trial": settings.TRIAL_PLAN})[0]
    return Margin(month, HOUSE_CURRENCY, found, cost, count, problems)


def _told_apart(shares: Iterable[Share]) -> Iterator[Share]:
    """What was billed without a plan pays for nothing that no runtime owns: side by side they would hide one another."""
    for share in shares:
        if share.key:
            yield share
            continue
        if share.billed:
            yield Share("", NAMES[Part.FEES], share.billed, Decimal(0), Part.FEES)
        if share.cost:
            yield Share("", NAMES[Part.UNATTRIBUTED], Decimal(0), share.cost, Part.UNATTRIBUTED)


def tenants_of_plan(*, actor: Actor, month: date, plan: str) -> Sequence[Share]:
    """Return what a plan's row of `margin` is made of, by tenant; "" are the fees. Raises Refused forbidden (403)."""
    values, _ = _values(actor, month)
    found = rows(sql.TENANTS_OF_PLAN, {**values, "plan": plan})
    return [Share(key or "", name or "", *amounts) for key, name, *amounts in found]


def tenants_of_row(*, actor: Actor, month: date, row: Compared) -> Sequence[Measured]:
    """Return what a row of `reconcile` measured and billed, by tenant; raises Refused forbidden (403)."""
    values, _ = _values(actor, month)
    named = {"provider": row.provider, "landscape": row.landscape, "meter_group": row.meter_group}
    return [Measured(*one) for one in rows(sql.TENANTS_OF_GROUP, {**values, **named})]


def _values(actor: Actor, month: date) -> tuple[dict[str, Any], list[str]]:
    if not (actor.sees_every_tenant and actor.may(Permission.COST_EXPORT)):
        raise Refused("forbidden", "Only the platform's FinOps team may see this; ask it.", status=403)
    end = period_of(month.year, month.month).end.date()
    known = Rates.of(
        Rate(row.base, row.quote, start_of(row.since), row.rate, row.source)
        for row in ExchangeRate.objects.filter(since__lt=end)
    )
    worth, problems = dict[str, Decimal](), list[str]()
    for (code,) in rows(sql.CURRENCIES, {"month": month}):
        try:
            worth[code] = known.at(code, HOUSE_CURRENCY, start_of(month))
        except RateMissingError as error:
            problems.append(f"Amounts in {code} are left out: {error}")
    values = {
        "month": month, "end": end, "codes": list(worth), "worth": list(worth.values()),
        "meters": list(OF_METER), "groups": list(OF_METER.values()),
    }  # fmt: skip
    return values, problems
