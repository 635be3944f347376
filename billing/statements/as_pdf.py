"""A statement as PDF: the same bytes for the same sealed statement, so nothing in it tells when it was written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from importlib.resources import files
from itertools import groupby
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import FontFace, TTFFont

from billing.pricing.amounts import digits, plain, written
from billing.statements.models import Charge, Statement
from billing.statements.reading import name_in
from billing.statements.sections import Section, place_of, section_of

FONT = "fira"  # letters of every European language, Greek and Cyrillic too; only those that are used go into a file
FILES = Path(str(files("fontpkg_fira_sans"))) / "files"
WIDTHS = (30, 28, 52, 26, 24, 24)
QUIET = 110


class Sheet(FPDF):
    """A page with the statement's digest at its foot."""

    def __init__(self, foot: str) -> None:
        super().__init__(orientation="portrait", format="A4")
        self.foot = foot
        self.add_font(FONT, fname=FILES / "FiraSans-Regular.ttf")
        self.add_font(FONT, style="B", fname=FILES / "FiraSans-Bold.ttf")
        font = self.fonts[FONT]
        self.letters = frozenset(font.cmap) if isinstance(font, TTFFont) else frozenset()
        self.set_margins(13, 14)
        self.set_auto_page_break(auto=True, margin=18)

    def printable(self, text: str) -> str:
        """Return a text as the font can write it: letters that it lacks, such as Chinese ones, become question marks."""
        return "".join(letter if ord(letter) in self.letters else "?" for letter in text)

    def footer(self) -> None:
        """Say which statement this is a page of."""
        self.set_y(-14)
        self.set_font(FONT, size=7)
        self.set_text_color(QUIET)
        self.cell(w=150, h=4, text=self.foot)
        self.cell(w=0, h=4, text=f"Page {self.page_no()} of {{nb}}", align="R")


def as_pdf(row: Statement, lines: Iterable[Charge], *, tenant: str) -> bytes:
    """Return the file; a draft is called so on every page."""
    found = sorted(lines, key=place_of)
    number = f"Statement {row.number}" if row.number else "Draft, not yet a statement"
    sheet = Sheet(f"{number}, {row.month:%B %Y}, {row.digest or 'not sealed'}")
    # The moment of sealing, not of writing: else no two files would be alike.
    sheet.set_creation_date(row.sealed_at or row.drafted_at)
    sheet.set_producer("Nesoi")
    sheet.set_title(f"{number} of {tenant}, {row.month:%B %Y}")
    sheet.add_page()
    _head(sheet, row, number, tenant)
    _sums(sheet, row, found)
    _lines(sheet, row, found)
    return bytes(sheet.output())


def _head(sheet: Sheet, row: Statement, number: str, tenant: str) -> None:
    sheet.set_font(FONT, style="B", size=18)
    _say(sheet, number, 9)
    sheet.set_font(FONT, size=11)
    _say(sheet, f"{tenant}, {row.month:%B %Y}", 6)
    sheet.set_font(FONT, style="B", size=14)
    _say(sheet, f"Total {written(row.total, row.currency)}", 9)
    sheet.set_font(FONT, size=8)
    sheet.set_text_color(QUIET)
    alive = row.alive_seconds
    seen = f"{100 * row.observed_seconds / alive:.2f} %" if alive else "none"
    _say(sheet, f"Runtime hours {alive / 3600:.2f}, seen {seen}; time that nobody saw is not billed.", 4)
    books = ", ".join(sorted(row.books)) or "none"
    _say(sheet, f"Price books: {books}. Engine {row.engine_version}. Inputs {row.input_digest}.", 4)
    sheet.set_text_color(0)
    sheet.ln(4)


def _sums(sheet: Sheet, row: Statement, lines: Sequence[Charge]) -> None:
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for line in lines:
        kind = "Correction" if line.charge_class else line.category
        sums[name_in(row.names, line.account) or "The tenant as a whole", kind] += line.billed_cost
    sheet.set_font(FONT, size=8)
    with sheet.table(
        col_widths=(90, 50, 44), text_align=("LEFT", "LEFT", "RIGHT"), line_height=5, **_style()
    ) as table:
        table.row(("Account", "What", f"Billed, {row.currency}"))
        for (account, kind), amount in sorted(sums.items()):
            table.row((sheet.printable(account), kind, digits(amount, row.currency)))
    sheet.ln(5)


def _lines(sheet: Sheet, row: Statement, lines: Sequence[Charge]) -> None:
    for section, found in groupby(lines, section_of):
        _section(sheet, row, section, list(found))


def _section(sheet: Sheet, row: Statement, section: Section, lines: Sequence[Charge]) -> None:
    aligned = ("LEFT", "LEFT", "LEFT", "RIGHT", "RIGHT", "RIGHT")
    sheet.set_font(FONT, style="B", size=10)
    _say(sheet, f"{section.title}: {written(_sum(lines), row.currency)}", 7)
    sheet.set_font(FONT, size=7)
    with sheet.table(col_widths=WIDTHS, text_align=aligned, line_height=4, **_style()) as table:
        table.row(("Runtime", "Period (UTC)", "What", "Quantity", "Unit price", f"Billed, {row.currency}"))
        for (account, runtime), found in groupby(lines, lambda line: (line.account, line.runtime)):
            mine = list(found)
            for line in mine:
                table.row([sheet.printable(text) for text in _cells(row, line)])
            if section is Section.USAGE and len(mine) > 1:
                whose = name_in(row.names, runtime) or name_in(row.names, account) or "The tenant as a whole"
                cells = table.row(style=FontFace(emphasis="BOLD"))
                cells.cell(sheet.printable(f"{whose}, together"), colspan=len(WIDTHS) - 1)
                cells.cell(digits(_sum(mine), row.currency))
    sheet.ln(4)


def _sum(lines: Iterable[Charge]) -> Decimal:
    return sum((line.billed_cost for line in lines), Decimal(0))


def _cells(row: Statement, line: Charge) -> tuple[str, ...]:
    what = line.description or line.price_line
    if line.dimension:
        what = f"{what} ({line.dimension})"
    if line.origin_month:
        what = f"{what}, of {line.origin_month:%Y-%m}"
    runtime = name_in(row.names, line.runtime) or name_in(row.names, line.account)
    period = f"{line.period_start:%Y-%m-%d} to {line.period_end:%m-%d}"
    quantity = f"{_short(line.quantity)} {line.unit}" if line.unit else ""
    price = plain(line.contracted_unit_price) if line.unit else ""
    return runtime, period, what, quantity, price, digits(line.billed_cost, row.currency)


def _short(quantity: Decimal) -> str:
    return plain(quantity.quantize(Decimal("0.0001")))


def _say(sheet: Sheet, text: str, height: float) -> None:
    sheet.cell(w=0, h=height, text=sheet.printable(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _style() -> dict[str, object]:
    return {
        "borders_layout": "HORIZONTAL_LINES",
        "headings_style": FontFace(emphasis="BOLD"),
        "align": "LEFT",
    }
