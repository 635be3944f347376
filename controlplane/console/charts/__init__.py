"""Charts as inline SVG, drawn on the server: no script, no inline style, readable in light, dark, print and without colours.

    stacked_areas(title=…, about=…, days=["1 Nov", …], series=[Series("Your work", [3, None, 4], tone="1")], write=cores)
    horizontal_bars(title=…, about=…, bars=[Bar("Shop", 120, href="/…")], write=euros)
    split_bar(title=…, parts=[Part("Your work", 40, "1"), Part("Idle", 60, "idle")], write=cores)
    legend([("Your work", "1"), …]) goes once above many split bars

Each answers a `Drawing`, which templates show as it is. Values are numbers, None is unknown and stays a gap. The first two bring
their own table. Tones are "1" to "8", "idle" and "bad": a colour and a pattern each. A page with charts links
`console/charts.css` in its head and puts `{% chart_patterns %}` (of the tags `charts`) once.
"""

from __future__ import annotations

from controlplane.console.charts.bars import Bar, horizontal_bars
from controlplane.console.charts.drawing import Drawing, legend, patterns
from controlplane.console.charts.split import Part, split_bar
from controlplane.console.charts.stacked import Series, stacked_areas

__all__ = [
    "Bar",
    "Drawing",
    "Part",
    "Series",
    "horizontal_bars",
    "legend",
    "patterns",
    "split_bar",
    "stacked_areas",
]
