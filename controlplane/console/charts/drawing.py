"""Elements, patterns, legends and tables that charts are put together from. Pure; every text is escaped here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from html import escape

Number = int | float | Decimal
Write = Callable[[Number], str]
TONES = ("1", "2", "3", "4", "5", "6", "7", "8", "idle", "bad")

# What tells tones apart without colours: lines in a tile of eight by eight; the first tone is plain.
_PATTERNS = {
    "2": "M-2 2l4-4M0 8l8-8M6 10l4-4",
    "3": "M2 2h.01M6 6h.01",
    "4": "M2 0v8M6 0v8",
    "5": "M-2 6l4 4M0 0l8 8M6-2l4 4",
    "6": "M0 2h8M0 6h8",
    "7": "M0 8l8-8M0 0l8 8",
    "8": "M0 4h8M4 0v8",
    "idle": "M0 8l8-8",
    "bad": "M0 0l8 8M0 4h8",
}


class Drawing(str):
    """Markup that is safe to show as it is."""

    __slots__ = ()

    def __html__(self) -> Drawing:
        """Return itself: templates escape it no more."""
        return self


def element(tag: str, *inside: str, **attributes: object) -> Drawing:
    """Return an element; `inside` is markup, attributes are escaped, `_` in their names is `-` and falls off the end."""
    told = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value not in {None, ""}
    )
    return Drawing(f"<{tag}{told}>{''.join(inside)}</{tag}>")


def words(text: object) -> Drawing:
    """Return a text as markup."""
    return Drawing(escape(str(text)))


def percent(part: Number, whole: Number) -> str:
    """Return a share as SVG writes lengths."""
    return f"{float(part) / float(whole) * 100 if whole else 0:.3f}%"


def area(tone: str, told: str, **place: object) -> Drawing:
    """Return a rectangle in a tone's colour with its pattern on it, and a title that a pointer shows."""
    title = element("title", words(told))
    shapes = [element("rect", title, class_=f"tone-{tone}", **place)]
    if tone in _PATTERNS:
        shapes.append(
            element("rect", fill=f"url(#chart-{tone})", class_="chart-pattern", **place),
        )
    return Drawing("".join(shapes))


def patterns() -> Drawing:
    """Return the tones' patterns, once for all charts of a page; it takes no room."""
    drawn = [
        element(
            "pattern",
            element("path", d=path, class_="chart-ink"),
            id=f"chart-{tone}",
            width=8,
            height=8,
            patternUnits="userSpaceOnUse",
        )
        for tone, path in _PATTERNS.items()
    ]
    return element("svg", element("defs", *drawn), width=0, height=0, class_="unseen", aria_hidden="true")


def picture(*inside: str, title: str, about: str, height: int, css: str) -> Drawing:
    """Return an image as wide as its place, with its name and description for those who hear it."""
    return element(
        "svg",
        element("title", words(title)),
        element("desc", words(about)),
        *inside,
        role="img",
        aria_label=f"{title}. {about}" if about else title,
        width="100%",
        height=height,
        class_=f"chart {css}",
    )


def legend(entries: Sequence[tuple[str, str]]) -> Drawing:
    """Return what each tone stands for: (label, tone)."""
    items = [
        element(
            "li",
            element(
                "svg",
                area(tone, label, width=16, height=16, rx=3),
                width=16,
                height=16,
                class_="chart-key",
                aria_hidden="true",
            ),
            element("span", words(label)),
        )
        for label, tone in entries
    ]
    return element("ul", *items, class_="chart-legend")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, title: str) -> Drawing:
    """Return the numbers behind a chart, folded; the first column names the row. Cells are markup."""
    top = element("tr", *(element("th", words(name), scope="col") for name in head))
    body = [
        element(
            "tr",
            element("th", first, scope="row"),
            *(
                element("td", cell, class_="number", data_title=name)
                for name, cell in zip(head[1:], rest, strict=True)
            ),
        )
        for first, *rest in rows
    ]
    drawn = element(
        "table",
        element("caption", words(title), class_="unseen"),
        element("thead", top),
        element("tbody", *body),
        class_="figures",
    )
    about = f"{title}, as a table"
    # Reachable by keys, for it scrolls sideways where it is narrow.
    held = element("div", drawn, class_="figures-hold", tabindex=0, role="region", aria_label=about)
    return element("details", element("summary", words("As a table")), held, class_="behind")


def figure(*inside: str) -> Drawing:
    """Return a figure of these."""
    return element("figure", *inside, class_="chart-figure")
