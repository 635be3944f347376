"""Charts say in words and numbers what they show in colours, and put nothing of a name into markup."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from controlplane.console.charts import (
    Bar,
    Part,
    Series,
    horizontal_bars,
    legend,
    split_bar,
    stacked_areas,
)

EVIL = '"><script>alert(1)</script>'


def shapes(drawing: str, tag: str) -> list[ET.Element]:
    return list(ET.fromstring(f"<all>{drawing}</all>").iter(tag))


def test_a_split_bar_is_as_long_as_its_parts() -> None:
    drawing = split_bar(title="Cores", parts=[Part("Work", 1, "1"), Part("Idle", 3, "idle")])
    widths = [rect.get("width") for rect in shapes(drawing, "rect")]
    assert widths == ["25.000%", "75.000%", "75.000%"]  # the idle part has its pattern on it
    assert "Work 1 (25 %); Idle 3 (75 %)" in drawing


def test_a_bar_of_nothing_says_so() -> None:
    drawing = split_bar(title="Cores", parts=[Part("Work", 0, "1")])
    assert not shapes(drawing, "rect")
    assert "nothing" in drawing


def test_areas_stack_and_leave_a_gap_where_nothing_is_known() -> None:
    series = [Series("Work", [10, None, 5], "1"), Series("Idle", [10, None, 0], "idle")]
    drawing = stacked_areas(title="Cores", about="By day", days=["1", "2", "3"], series=series)
    drawn = [
        rect
        for rect in shapes(drawing, "rect")
        if rect.get("y") and rect.get("class") not in {"chart-pattern", "chart-plate"}
    ]
    assert [(rect.get("x"), rect.get("y"), rect.get("height")) for rect in drawn] == [
        ("0.000%", "114.00", "100.00"),  # 10 of an axis that goes to 20, upon the ground at 214
        ("0.000%", "14.00", "100.00"),
        ("66.667%", "164.00", "50.00"),
    ]
    assert "unknown" in "".join(cell.text or "" for cell in shapes(drawing, "td"))


def test_a_series_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="one value for each day"):
        stacked_areas(title="x", about="", days=["1"], series=[Series("a", [1, 2], "1")])


def test_every_number_of_a_chart_stands_in_its_table() -> None:
    drawing = horizontal_bars(title="Accounts", bars=[Bar("Shop", 12, href="/a"), Bar("Lab", None)])
    assert [cell.text for cell in shapes(drawing, "td")] == ["12", None, "unknown", None]


@pytest.mark.parametrize(
    "drawing",
    [
        split_bar(title=EVIL, parts=[Part(EVIL, 1, "2")]),
        horizontal_bars(title=EVIL, about=EVIL, bars=[Bar(EVIL, 1, href=EVIL, note=EVIL)]),
        stacked_areas(title=EVIL, about=EVIL, days=[EVIL], series=[Series(EVIL, [1], "3")]),
        legend([(EVIL, "4")]),
    ],
)
def test_a_name_is_never_markup(drawing: str) -> None:
    assert "<script" not in drawing
    assert not shapes(drawing, "script")
    assert "style=" not in drawing
