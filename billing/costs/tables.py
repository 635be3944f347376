"""Costs as CSV: the finest figures there are, a row for each meter of each runtime's day."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping

from billing.costs.breakdown import EVERYTHING, By, Figure, Narrow, figures
from billing.costs.months import Known, Month
from billing.meters.registry import meters
from billing.pricing.money import quantity_of

HEAD = (
    "day", "account", "account_name", "runtime", "runtime_name", "plan", "region", "meter", "dimension", "quantity", "unit",
    "activity", "credit", "cost", "currency", "observed_seconds", "inferred_seconds", "unknown_seconds",
)  # fmt: skip
FIGURES = (
    "key", "name", "dimension", "quantity", "unit", "activity", "credit", "cost", "currency", "observed_seconds",
    "inferred_seconds", "unknown_seconds",
)  # fmt: skip
DANGEROUS = tuple("=+-@\t\r")


class _Line:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def cells_as_csv(
    months: Iterable[Month], names: Mapping[str, str], narrow: Narrow = EVERYTHING
) -> Iterator[str]:
    """Yield lines; a day that is empty belongs to the month as a whole. Coverage is that of the runtime's day."""
    writer = csv.writer(_Line())
    yield writer.writerow(HEAD)
    known = meters()
    for month in months:
        lives = {(life.day, life.account, life.runtime): life.known for life in month.lives}
        for cell in month.cells:
            if not narrow.takes(cell):
                continue
            meter = known.get(cell.meter)
            life = lives.get((cell.day, cell.account, cell.runtime), Known()) if cell.day else Known()
            yield writer.writerow(
                [
                    cell.day or "",
                    cell.account,
                    safe(names.get(cell.account, "")),
                    cell.runtime,
                    safe(names.get(cell.runtime, "")),
                    cell.plan,
                    cell.region,
                    cell.meter,
                    safe(cell.dimension),
                    quantity_of(cell.quantity, meter.per_unit) if meter else cell.quantity,
                    meter.unit if meter else "",
                    cell.activity,
                    cell.credit,
                    cell.cost,
                    month.currency,
                    *life,
                ]
            )


def figures_as_csv(
    months: list[Month], by: By, names: Mapping[str, str], narrow: Narrow = EVERYTHING
) -> Iterator[str]:
    """Yield lines of figures added up by something."""
    writer = csv.writer(_Line())
    yield writer.writerow(FIGURES)
    currency = months[0].currency if months else ""
    for figure in figures(months, by, narrow):
        yield writer.writerow(_row(figure, names, currency))


def safe(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(DANGEROUS) else text


def _row(figure: Figure, names: Mapping[str, str], currency: str) -> list[object]:
    return [
        figure.key,
        safe(names.get(figure.key, "")),
        safe(figure.dimension),
        "" if figure.quantity is None else figure.quantity,
        figure.unit,
        figure.activity,
        figure.credit,
        figure.cost,
        currency,
        *figure.known,
    ]
