"""Stacked areas by day: each day is a step as high as its sum, for a day's figure is a sum and not a moment. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from controlplane.console.charts.drawing import (
    Drawing,
    Number,
    Write,
    area,
    element,
    figure,
    legend,
    percent,
    picture,
    table,
    words,
)

_PLOT, _LABELS, _ROOM = 200, 24, 14
_LETTER = 7  # as wide as a letter of the scale is, at most
_NO_PLACES = re.compile(r"\.0+(?=\D|$)")


@dataclass(frozen=True)
class Series:
    """One layer: a value for each day, None where it is unknown. The first series lies at the bottom."""

    label: str
    values: Sequence[Number | None]
    tone: str


def stacked_areas(
    *, title: str, about: str, days: Sequence[str], series: Sequence[Series], write: Write = str
) -> Drawing:
    """Return the areas, their legend and their table. Raises ValueError where a series has another number of days."""
    if any(len(one.values) != len(days) for one in series):
        raise ValueError("every series has one value for each day")
    sums = [sum(float(one.values[day] or 0) for one in series) for day in range(len(days))]
    top = _round_up(max(sums, default=0.0))
    drawn = picture(
        *_lines(),
        *_areas(days, series, top, write),
        *_scale(top, write),  # last, so that no area covers it
        *_days(days),
        title=title,
        about=about,
        height=_ROOM + _PLOT + _LABELS,
        css="chart-areas",
    )
    rows = [
        [words(day), *(words(_amount(one.values[place], write)) for one in series)]
        for place, day in enumerate(days)
    ]
    behind = table(["Day", *(one.label for one in series)], rows, title=title)
    return figure(legend([(one.label, one.tone) for one in series]), drawn, behind)


def _areas(days: Sequence[str], series: Sequence[Series], top: float, write: Write) -> list[Drawing]:
    found = []
    for place, day in enumerate(days):
        ground = 0.0
        for one in series:
            value = one.values[place]
            if value is None or value <= 0:
                continue
            height = float(value) / top * _PLOT
            ground += height
            found.append(
                area(
                    one.tone,
                    f"{day}: {one.label} {write(value)}",
                    x=percent(place, len(days)),
                    y=f"{_ROOM + _PLOT - ground:.2f}",
                    width=percent(1, len(days)),
                    height=f"{height:.2f}",
                )
            )
    return found


def _lines() -> list[Drawing]:
    found = []
    for share in (0.0, 0.5, 1.0):
        y = f"{_ROOM + _PLOT * (1 - share):.1f}"
        found.append(element("line", x1=0, x2="100%", y1=y, y2=y, class_="chart-line"))
    return found


def _scale(top: float, write: Write) -> list[Drawing]:
    """The numbers of the scale, each on a plate: they stand over the areas. A round number needs no places."""
    found = []
    for share in (0.5, 1.0):
        told = _NO_PLACES.sub("", write(top * share))
        y = round(_ROOM + _PLOT * (1 - share), 1)
        width = _LETTER * len(told) + 4
        found.append(element("rect", x=0, y=y - 14, width=width, height=14, rx=3, class_="chart-plate"))
        found.append(element("text", words(told), x=2, y=y - 3, class_="chart-text"))
    return found


def _days(days: Sequence[str]) -> list[Drawing]:
    last = len(days) - 1
    shown = {0: "start", last // 2: "middle", last: "end"} if last > 1 else {0: "start"}
    return [
        element(
            "text",
            words(days[place]),
            x={"start": "0%", "middle": percent(place + 0.5, len(days)), "end": "100%"}[anchor],
            y=_ROOM + _PLOT + 17,
            text_anchor=anchor,
            class_="chart-text",
        )
        for place, anchor in shown.items()
        if days
    ]


def _round_up(value: float) -> float:
    """The next round number: what people can read off an axis, and off its half."""
    if value <= 0:
        return 1.0
    unit = 10.0 ** floor(log10(value))
    return next((step * unit for step in (1, 1.5, 2, 3, 4, 6, 8, 10) if step * unit >= value), ceil(value))


def _amount(value: Number | None, write: Write) -> str:
    return "unknown" if value is None else write(value)
