"""Bars side by side, longest first or as they come. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from controlplane.console.charts.drawing import (
    Drawing,
    Number,
    Write,
    area,
    element,
    figure,
    percent,
    picture,
    table,
    words,
)


@dataclass(frozen=True)
class Bar:
    """A bar; `value` None is unknown, one below zero is drawn as long: give it another tone. `href` is where its rows are."""

    label: str
    value: Number | None
    href: str = ""
    note: str = ""
    tone: str = "1"


def horizontal_bars(
    *, title: str, about: str = "", bars: Sequence[Bar], write: Write = str, measure: str = "Amount"
) -> Drawing:
    """Return a list of bars with names and numbers beside them, and their table."""
    longest = max((abs(float(bar.value)) for bar in bars if bar.value is not None), default=0.0)
    items = [_item(bar, longest, write) for bar in bars]
    head = element("p", words(about), class_="quiet") if about else ""
    rows = [[_name(bar), words(_amount(bar, write)), words(bar.note)] for bar in bars]
    return figure(
        element("ul", *items, class_="chart-bars", aria_label=title),
        head,
        table(["Name", measure, "Note"], rows, title=title),
    )


def _item(bar: Bar, longest: float, write: Write) -> Drawing:
    told = f"{bar.label}: {_amount(bar, write)}"
    width = percent(abs(float(bar.value or 0)), longest) if longest else "0%"
    drawn = picture(
        area(bar.tone, told, width=width, height="100%", rx=3),
        title=told,
        about="",
        height=12,
        css="chart-bar",
    )
    note = element("span", words(bar.note), class_="under") if bar.note else ""
    return element(
        "li",
        element("span", _name(bar), note, class_="chart-name"),
        element("span", words(_amount(bar, write)), class_="number"),
        drawn,
    )


def _amount(bar: Bar, write: Write) -> str:
    return "unknown" if bar.value is None else write(bar.value)


def _name(bar: Bar) -> Drawing:
    return element("a", words(bar.label), href=bar.href) if bar.href else words(bar.label)
