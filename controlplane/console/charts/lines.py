"""Steps over time: shares that hold until they change. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from controlplane.console.charts.drawing import Drawing, element, figure, picture, table, words

_PLOT, _LABELS, _ROOM, _WIDTH = 160, 24, 14, 1000
_BEYOND = 1.04  # so much of the width shows how it stands now


@dataclass(frozen=True)
class Line:
    """One line of percentages, None where nothing is known; a dashed one is told apart without colours."""

    label: str
    points: Sequence[tuple[datetime, float | None]]
    tone: str
    dashed: bool = False


def lines_over_time(*, title: str, about: str, lines: Sequence[Line]) -> Drawing:
    """Return the lines with their legend and table. Every line has the same moments, oldest first, one at least."""
    moments = [at for at, _ in lines[0].points]
    highest = max((value or 0.0 for line in lines for _, value in line.points), default=0.0)
    top = next(step for step in (1, 2, 5, 10, 20, 50, 100) if highest <= step)
    drawn = picture(
        *_scale(top),
        _plot([_path(line, moments, top) for line in lines]),
        *_ends(moments),
        title=title,
        about=about,
        height=_ROOM + _PLOT + _LABELS,
        css="chart-lines",
    )
    rows = [
        [words(f"{at:%d %b %H:%M}"), *(words(_told(line.points[place][1])) for line in lines)]
        for place, at in enumerate(moments)
    ]
    behind = table(["UTC", *(line.label for line in lines)], rows[::-1], title=title)
    return figure(_legend(lines), drawn, behind)


def _plot(paths: Sequence[Drawing]) -> Drawing:
    return element(
        "svg", *paths, x=0, y=_ROOM, width="100%", height=_PLOT, viewBox=f"0 0 {_WIDTH} {_PLOT}",
        preserveAspectRatio="none",
    )  # fmt: skip


def _path(line: Line, moments: Sequence[datetime], top: float) -> Drawing:
    """Steps: each value holds until the next one, the last to the right edge."""
    whole = (moments[-1] - moments[0]).total_seconds() * _BEYOND
    told, pen = list[str](), False
    for place, (at, value) in enumerate(line.points):
        if value is None:
            pen = False
            continue
        begin = (at - moments[0]).total_seconds() / whole * _WIDTH if whole else 0.0
        last = place + 1 == len(moments)
        end = _WIDTH if last else (moments[place + 1] - moments[0]).total_seconds() / whole * _WIDTH
        y = _PLOT - value / top * (_PLOT - 2) - 1
        told.append(f"{'L' if pen else 'M'}{begin:.1f} {y:.1f}L{end:.1f} {y:.1f}")
        pen = True
    dashes = "7 5" if line.dashed else ""
    return element(
        "path",
        d="".join(told),
        class_=f"line-{line.tone}",
        stroke_dasharray=dashes,
        vector_effect="non-scaling-stroke",
    )


def _scale(top: float) -> list[Drawing]:
    found = []
    for share in (0.0, 0.5, 1.0):
        y = _ROOM + _PLOT * (1 - share)
        found.append(element("line", x1=0, x2="100%", y1=y, y2=y, class_="chart-line"))
        found.append(element("text", words(f"{top * share:g} %"), x=2, y=y - 3, class_="chart-text"))
    return found


def _ends(moments: Sequence[datetime]) -> list[Drawing]:
    y = _ROOM + _PLOT + 17
    ends = [("0%", "start", moments[0])] + ([("100%", "end", moments[-1])] if len(moments) > 1 else [])
    return [
        element("text", words(f"{at:%d %b %H:%M} UTC"), x=x, y=y, text_anchor=anchor, class_="chart-text")
        for x, anchor, at in ends
    ]


def _legend(lines: Sequence[Line]) -> Drawing:
    items = [
        element(
            "li",
            element(
                "svg",
                element("path", d="M0 5H24", class_=f"line-{line.tone}", stroke_dasharray="7 5" if line.dashed else ""),
                width=24, height=10, class_="chart-key", aria_hidden="true",
            ),
            element("span", words(line.label)),
        )
        for line in lines
    ]  # fmt: skip
    return element("ul", *items, class_="chart-legend")


def _told(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.1f} %".replace("-", "\u2212")
