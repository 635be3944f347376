"""How much of what came when: a strip of time for each kind, the fuller the more. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from controlplane.console.charts.drawing import Drawing, area, element, figure, percent, picture, table, words

_HEIGHT = 22
_FAINTEST = 0.3  # so that one of something is still seen beside a hundred


@dataclass(frozen=True)
class Strip:
    """One kind: so much in each column; `href` is where its rows are."""

    label: str
    cells: Sequence[int]
    href: str = ""
    note: str = ""

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.cells)


def heat(*, title: str, columns: Sequence[str], strips: Sequence[Strip], ends: tuple[str, str]) -> Drawing:
    """Return a strip for each kind under its name and number, and their table; `ends` say where the time begins and ends."""
    fullest = max((cell for strip in strips for cell in strip.cells), default=0)
    items = [_item(strip, columns, fullest) for strip in strips]
    shown = [place for place in range(len(columns)) if any(strip.cells[place] for strip in strips)]
    rows = [[words(strip.label), *(words(strip.cells[place] or "") for place in shown)] for strip in strips]
    scale = element(
        "p", element("span", words(ends[0])), element("span", words(ends[1])), class_="heat-scale", aria_hidden="true"
    )  # fmt: skip
    return figure(
        element("ul", *items, class_="chart-bars", aria_label=title),
        scale,
        table(["Cause", *(columns[place] for place in shown)], rows, title=title),
    )


def _item(strip: Strip, columns: Sequence[str], fullest: int) -> Drawing:
    name = element("a", words(strip.label), href=strip.href) if strip.href else words(strip.label)
    note = element("span", words(strip.note), class_="under") if strip.note else ""
    filled = [(place, cell) for place, cell in enumerate(strip.cells) if cell]
    drawn = picture(
        *(_cell(strip, place, cell, columns, fullest) for place, cell in filled),
        title=f"{strip.label}: {strip.total}",
        about=", ".join(f"{columns[place]}: {cell}" for place, cell in filled),
        height=_HEIGHT,
        css="chart-heat",
    )
    return element(
        "li",
        element("span", name, note, class_="chart-name"),
        element("span", words(strip.total), class_="number"),
        drawn,
    )


def _cell(strip: Strip, place: int, cell: int, columns: Sequence[str], fullest: int) -> Drawing:
    opacity = _FAINTEST + (1 - _FAINTEST) * cell / fullest
    drawn = area(
        "bad",
        f"{strip.label}, {columns[place]}: {cell}",
        x=percent(place, len(columns)),
        y=0,
        width=percent(1, len(columns)),
        height="100%",
    )
    return element("g", drawn, opacity=f"{opacity:.2f}")
