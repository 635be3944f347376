"""One bar, split into parts of a whole. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from controlplane.console.charts.drawing import Drawing, Number, Write, area, percent, picture


@dataclass(frozen=True)
class Part:
    """A part of a whole."""

    label: str
    value: Number
    tone: str


def split_bar(*, title: str, parts: Sequence[Part], write: Write = str, height: int = 18) -> Drawing:
    """Return a bar whose parts fill it; its description says each part in words. Empty where the whole is nothing."""
    whole = sum(float(part.value) for part in parts)
    told = [_told(part, whole, write) for part in parts]
    drawn, start = [], 0.0
    for part, words in zip(parts, told, strict=True):
        if part.value > 0:
            place = {"x": percent(start, whole), "width": percent(part.value, whole), "height": "100%"}
            drawn.append(area(part.tone, words, **place))
        start += float(part.value)
    about = "; ".join(told) if whole else "nothing"
    return picture(
        *drawn,
        title=title,
        about=about,
        height=height,
        css="chart-split",
    )


def _told(part: Part, whole: float, write: Write) -> str:
    share = f" ({float(part.value) / whole * 100:.0f} %)" if whole else ""
    return f"{part.label} {write(part.value)}{share}"
