"""Costs in words, bars and areas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.urls import reverse

from billing.costs.breakdown import By, Figure, Narrow, figures
from billing.costs.checking import Stand
from billing.costs.forecasting import TooLittle
from billing.costs.models import Anomaly, Budget, Kind
from billing.costs.months import Known, Month
from billing.costs.names import NO_DAY, WHOLE_TENANT
from billing.costs.projecting import Outlook
from billing.costs.sentences import amount_in_words, day_in_words, money, percent
from billing.costs.summary import Comparison, Overview
from billing.meters.registry import meters
from controlplane.console.presenters.figures import share

WELL_KNOWN = 99  # per cent; below, a page says in words what is not known
FULL = 100
HOUR = 3600
SPREAD = (
    "Tiers and what is included count for the month so far and are spread over its days, today among them, "
    "so a draft of the statement, which ends with yesterday, may differ a little."
)


@dataclass(frozen=True)
class Row:
    """One row of a table of figures."""

    title: str
    href: str
    cost: str
    known: str
    quantity: str = ""


@dataclass(frozen=True)
class BudgetShown:
    """A budget with its bar; `percent` is bounded by a hundred, `reached` is not."""

    row: Budget
    whose: str
    spent: str
    amount: str
    percent: int
    reached: int
    share: str
    tone: str
    expected: str
    forecast_reached: int | None
    forecast_share: str


@dataclass(frozen=True)
class AnomalyShown:
    """A day out of the ordinary, in words."""

    row: Anomaly
    runtime: str
    worth: str
    usual: str
    change: str
    rose: bool
    compared: str
    moved: list[str]


class Titles:
    """What figures are called: names of accounts and runtimes, titles of meters, days."""

    def __init__(self, by: By, names: Mapping[str, str]) -> None:
        self.by, self.names, self.meters = by, names, meters()

    def of(self, figure: Figure) -> str:
        """Return the title of a figure."""
        if self.by is By.METER:
            title = self.of_meter(figure.key)
            return f"{title}, {figure.dimension}" if figure.dimension else title
        if not figure.key:
            return WHOLE_TENANT
        if self.by is By.DAY:
            return day_in_words(date.fromisoformat(figure.key))
        return self.names.get(figure.key) or f"{self.by} {figure.key[:8]}"

    def of_meter(self, key: str) -> str:
        """Return the title of a meter."""
        meter = self.meters.get(key)
        return meter.title if meter else key or WHOLE_TENANT


def meter_title(narrow: Narrow) -> str:
    """Return the title of the one meter that figures are narrowed to, "" without."""
    return Titles(By.METER, {}).of(Figure(narrow.meter, narrow.dimension)) if narrow.meter else ""


def known_in_words(known: Known) -> str:
    """Return how much of a time is known: 98 % seen."""
    share = known.share
    if share is None:
        return "-"
    seen = int(share * FULL)
    return "all seen" if seen == FULL else f"{seen} % seen"


def coverage_sentence(known: Known, *, whose: str = "your runtimes") -> str:
    """Say how much of the time that runtimes lived is not known, or nothing where all but a little was seen."""
    if known.share is None or known.share * FULL >= WELL_KNOWN:
        return ""
    parts = []
    if known.inferred:
        parts.append(f"{_hours(known.inferred)} were inferred from what was seen before and after")
    if known.unknown:
        parts.append(f"{_hours(known.unknown)} were not seen and cost nothing")
    return f"Of the {_hours(known.alive)} that {whose} lived, " + "; ".join(parts) + "."


def compared_sentence(compared: Comparison | None, currency: str, *, going_on: bool = False) -> str:
    """Say how it is against the same days of last month."""
    if compared is None:
        return ""
    days = "day" if compared.days == 1 else f"{compared.days} days"
    change = compared.percent
    if change is None:
        return f"In the same {days} of the month before, nothing was charged."
    how = "as much as" if not change else f"{share(abs(change))} {'more' if change > 0 else 'less'} than"
    against = f"{money(compared.now, currency)} against {money(compared.before, currency)}"
    since = f" That month's use began on {day_in_words(compared.begins)} only." if compared.begins else ""
    told = f"The {days} that are over cost {how} the same days of the month before: {against}.{since}"
    return f"{told} {SPREAD}" if going_on else told


def outlook_shown(outlook: Outlook | None, currency: str) -> dict[str, Any]:
    """Return the forecast, or why there is none."""
    if outlook is None:
        return {}
    if isinstance(outlook, TooLittle):
        left = outlook.needed - outlook.known_days
        days = "day" if left == 1 else "days"
        return {"missing": f"There is a forecast once {left} more whole {days} are well known."}
    return {
        "expected": money(outlook.expected, currency),
        "low": money(outlook.low, currency),
        "high": money(outlook.high, currency),
        "is_certain": outlook.low == outlook.high,
        "by_weekday": outlook.by_weekday,
        "known_days": outlook.known_days,
    }


def day_rows(month: Month, narrow: Narrow) -> list[Row]:
    """Return the days, the newest first; each opens."""
    titles = Titles(By.DAY, {})
    rows = [
        Row(
            titles.of(figure) if figure.key else NO_DAY,
            reverse("console:cost-day", args=[figure.key]) if figure.key else "",
            money(figure.cost, month.currency),
            known_in_words(figure.known) if figure.key else "-",
        )
        for figure in figures([month], By.DAY, narrow)
    ]
    return list(reversed(rows))


def meter_rows(found: Sequence[Figure], currency: str) -> list[Row]:
    """Return figures of meters with their quantities."""
    titles = Titles(By.METER, {})
    return [
        Row(
            titles.of(figure),
            "",
            money(figure.cost, currency),
            "",
            f"{figure.quantity:,.2f} {figure.unit}" if figure.quantity is not None else "",
        )
        for figure in found
    ]


def budget_shown(row: Budget, stand: Stand, names: Mapping[str, str]) -> BudgetShown:
    """Return a budget with its bar."""
    reached = percent(stand.spent, row.amount)
    ahead = None if stand.expected is None else percent(stand.expected, row.amount)
    tone = "bad" if reached >= FULL else "wait" if (ahead or 0) >= FULL else "ok"
    return BudgetShown(
        row,
        names.get(str(row.account), "an account") if row.account else WHOLE_TENANT,
        amount_in_words(stand.spent, row.currency),
        amount_in_words(row.amount, row.currency),
        min(max(reached, 0), FULL),
        reached,
        share(reached),
        tone,
        "" if stand.expected is None else amount_in_words(stand.expected, row.currency),
        ahead,
        "" if ahead is None else share(ahead),
    )


def anomaly_shown(row: Anomaly, names: Mapping[str, str]) -> AnomalyShown:
    """Return a day with its explanation."""
    titles = Titles(By.METER, {})
    moved = []
    for one in row.moved:
        title = titles.of(Figure(one["meter"], one["dimension"]))
        worth, usual = Decimal(one["worth"]), Decimal(one["usual"])
        change = worth - usual
        how = f"{money(abs(change), row.currency)} {'more' if change > 0 else 'less'}"
        moved.append(f"{title}: {money(worth, row.currency)} instead of {money(usual, row.currency)} ({how})")
    change = row.worth - row.usual
    kind = f"{row.day:%A}s" if row.same_weekday else "days of its kind"
    return AnomalyShown(
        row,
        names.get(str(row.runtime)) or f"runtime {str(row.runtime)[:8]}",
        money(row.worth, row.currency),
        money(row.usual, row.currency),
        money(abs(change), row.currency),
        change > 0,
        f"the last {row.compared} {kind}",
        moved,
    )


def problems_shown(found: Overview) -> list[str]:
    """Return in words what could not be rated, each once."""
    return list(dict.fromkeys(problem.detail for problem in found.month.problems))[:5]


def carbon_or_money(kind: str, currency: str) -> str:
    """Return the unit that an amount is typed in."""
    return "g CO₂e" if kind == Kind.CARBON else currency


def _hours(seconds: int) -> str:
    hours = Decimal(seconds) / HOUR
    return f"{hours:,.0f} hours" if hours >= 10 else f"{hours:.1f} hours"  # noqa: PLR2004


def month_title(moment: datetime | date) -> str:
    """Return a month: November 2026."""
    return f"{moment:%B %Y}"
