"""Costs as areas by day and bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from django.urls import reverse

from billing.costs.breakdown import By, Figure, Narrow, by_day_and, figures
from billing.costs.months import ZERO, Month
from billing.costs.sentences import day_in_words, money
from billing.costs.summary import Past
from controlplane.console.charts import Bar, Drawing, Series, horizontal_bars, stacked_areas
from controlplane.console.charts.drawing import Number, Write
from controlplane.console.presenters.costs import Titles, known_in_words

TONES = ("1", "2", "3", "4", "5", "6", "7")


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
    month: Month, by: By, names: Mapping[str, str], narrow: Narrow, links: Mapping[tuple[str, str], str]
) -> Drawing:
    """Return bars, the dearest first, with how much of the time behind each is known."""
    titles = Titles(by, names)
    bars = [
        Bar(
            titles.of(figure),
            figure.cost,
            links.get((figure.key, figure.dimension), ""),
            _note(figure),
        )
        for figure in figures([month], by, narrow)
        if figure.cost or figure.activity or not narrow.meter
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


def _writer(currency: str) -> Write:
    def write(value: Number) -> str:
        return money(Decimal(str(value)), currency)

    return write
