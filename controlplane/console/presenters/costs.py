"""Costs in words, bars and areas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.urls import reverse

from billing.costs.breakdown import By, Figure, Narrow, by_day_and, figures
from billing.costs.checking import Stand
from billing.costs.forecasting import TooLittle
from billing.costs.models import Anomaly, Budget, Kind
from billing.costs.months import ZERO, Known, Month
from billing.costs.projecting import Outlook
from billing.costs.sentences import amount_in_words, day_in_words, money, percent
from billing.costs.summary import Comparison, Overview, Past
from billing.meters.registry import meters
from controlplane.console.charts import Bar, Drawing, Series, horizontal_bars, stacked_areas
from controlplane.console.charts.drawing import Number

TONES = ("1", "2", "3", "4", "5", "6", "7")
WELL_KNOWN = 99  # per cent; below, a page says in words what is not known
FULL = 100
HOUR = 3600
WHOLE_TENANT = "The tenant as a whole"


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
    tone: str
    expected: str
    forecast_reached: int | None


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


def known_in_words(known: Known) -> str:
    """Return how much of a time is known: 98 % seen."""
    share = known.share
    if share is None:
        return "-"
    seen = int(share * FULL)
    return "all seen" if seen == FULL else f"{seen} % seen"


def coverage_sentence(known: Known) -> str:
    """Say what is not known, or nothing where all but a little was seen."""
    if known.share is None or known.share * FULL >= WELL_KNOWN:
        return ""
    parts = []
    if known.inferred:
        parts.append(f"{_hours(known.inferred)} were inferred from what was seen before and after")
    if known.unknown:
        parts.append(f"of {_hours(known.unknown)} nothing is known, and nothing is charged for them")
    return f"Of {_hours(known.alive)} of your runtimes' time, " + "; ".join(parts) + "."


def compared_sentence(compared: Comparison | None, currency: str) -> str:
    """Say how it is against the same days of last month."""
    if compared is None:
        return ""
    days = "day" if compared.days == 1 else f"{compared.days} days"
    change = compared.percent
    if change is None:
        return f"In the same {days} of the month before, nothing was charged."
    how = "as much as" if not change else f"{abs(change)} % {'more' if change > 0 else 'less'} than"
    against = f"{money(compared.now, currency)} against {money(compared.before, currency)}"
    return f"The {days} that are over cost {how} the same days of the month before: {against}."


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


def days_chart(month: Month, by: By, names: Mapping[str, str], narrow: Narrow) -> Drawing | None:
    """Return the areas by day, of the seven dearest and the others."""
    days = _days(month)
    by_key = by_day_and([month], by, narrow)
    ranked = sorted(by_key, key=lambda key: (-sum(by_key[key].values()), key))
    ranked = [key for key in ranked if sum(by_key[key].values()) > 0]
    if not ranked or not days:
        return None
    seen = {life.day for life in month.lives if life.known.observed} | {
        cell.day for cell in month.cells if cell.day
    }
    titles = Titles(by, names)
    groups = [
        (titles.of_meter(key) if by is By.METER else titles.of(Figure(key)), [key], tone)
        for key, tone in zip(ranked, TONES, strict=False)
    ]
    if rest := ranked[len(TONES) :]:
        groups.append((f"{len(rest)} others", rest, "idle"))
    series = [
        Series(
            title,
            [
                sum((by_key[key].get(day, ZERO) for key in keys), ZERO) if day in seen else None
                for day in days
            ],
            tone,
        )
        for title, keys, tone in groups
    ]
    return stacked_areas(
        title=f"Costs by day and {by}",
        about=f"{day_in_words(days[0])} to {day_in_words(days[-1])}, in {month.currency}; the last day goes on.",
        days=[f"{day.day} {day:%b}" for day in days],
        series=series,
        write=_writer(month.currency),
    )


def bars_chart(
    month: Month, by: By, names: Mapping[str, str], narrow: Narrow, links: Mapping[str, str]
) -> Drawing:
    """Return bars, the dearest first, with how much of the time behind each is known."""
    titles = Titles(by, names)
    bars = [
        Bar(
            titles.of(figure),
            figure.cost,
            links.get(figure.key, ""),
            _note(figure),
        )
        for figure in figures([month], by, narrow)
    ]
    return horizontal_bars(
        title=f"Costs by {by}", bars=bars, write=_writer(month.currency), measure=f"Cost in {month.currency}"
    )


def trend_chart(past: Sequence[Past]) -> Drawing | None:
    """Return bars by month; None with one month only, or with several currencies."""
    if len(past) < 2 or len({one.currency for one in past}) > 1:  # noqa: PLR2004
        return None
    bars = [
        Bar(
            f"{one.month:%B %Y}",
            one.amount,
            reverse("console:costs") + f"?month={one.month:%Y-%m}",
            "as sealed" if one.is_sealed else "not sealed yet",
        )
        for one in past
    ]
    currency = past[0].currency
    return horizontal_bars(
        title="Costs by month", bars=bars, write=_writer(currency), measure=f"Cost in {currency}"
    )


def day_rows(month: Month, narrow: Narrow) -> list[Row]:
    """Return the days, the newest first; each opens."""
    titles = Titles(By.DAY, {})
    rows = [
        Row(
            titles.of(figure) if figure.key else "Not of a single day",
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
        tone,
        "" if stand.expected is None else amount_in_words(stand.expected, row.currency),
        ahead,
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


def _days(month: Month) -> list[date]:
    first = month.period.start.date()
    last = min(month.until, month.period.end - timedelta(microseconds=1)).date()
    known = [cell.day for cell in month.cells if cell.day] + [life.day for life in month.lives]
    start = max(first, min(known, default=first))
    return [start + timedelta(days=number) for number in range((last - start).days + 1)]


def _note(figure: Figure) -> str:
    parts = [known_in_words(figure.known)] if figure.known.alive else []
    if figure.quantity is not None:
        parts.append(f"{figure.quantity:,.2f} {figure.unit}")
    if figure.credit:
        parts.append("after credit")
    return ", ".join(parts)


def _writer(currency: str) -> Any:
    def write(value: Number) -> str:
        return money(Decimal(str(value)), currency)

    return write


def _hours(seconds: int) -> str:
    hours = Decimal(seconds) / HOUR
    return f"{hours:,.0f} hours" if hours >= 10 else f"{hours:.1f} hours"  # noqa: PLR2004


def month_title(moment: datetime | date) -> str:
    """Return a month: November 2026."""
    return f"{moment:%B %Y}"
