"""How footprints are shown: one bar for each measure, parts in the tenant's order, numbers in units that people know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from billing.footprint.prices import MILLION
from billing.footprint.reading import Footprint, Stretch
from billing.footprint.split import Parts
from billing.pricing.money import split
from controlplane.console.charts import Drawing, Part, Series, legend, split_bar, stacked_areas
from controlplane.console.charts.drawing import Number, table, words
from controlplane.console.presenters.figures import rounded

# What is one's own comes first.
PARTS = (("Your work", "1"), ("Platform", "2"), ("Kept by nodes", "3"), ("Idle", "idle"))
DAY_SECONDS, CENTS = 86400, 100


@dataclass(frozen=True)
class Measure:
    """One way to look at a footprint; `per_time` ones are shown as an average of the time."""

    key: str
    title: str
    of: str  # the measure's name among the sums
    unit: int
    write: Callable[[Number], str]
    per_time: bool = False


def _cores(value: Number) -> str:
    return f"{plain(value)} cores"


def _gib(value: Number) -> str:
    return f"{plain(value)} GiB"


def grams(value: Number) -> str:
    """A mass of CO₂e."""
    kilos = float(value) / 1000
    return f"{plain(kilos)} kg CO₂e" if kilos >= 1 else f"{plain(value)} g CO₂e"


def plain(value: Number) -> str:
    """A number with three digits that matter at most, and thousands apart: 12, not 12.0."""
    whole_digits = len(str(int(abs(float(value)))))
    told = rounded(float(value), max(0, 3 - whole_digits))
    return told.rstrip("0").rstrip(".") if "." in told else told


def money(value: Number, currency: str) -> str:
    """An amount of a currency."""
    return f"{rounded(float(value), 2)} {currency}"


def measures(currency: str, *, priced: bool) -> dict[str, Measure]:
    """Return the measures that can be shown, by key; money only to those who may see it."""
    found = [
        Measure("cores", "Processors", "cpu", 1000, _cores, per_time=True),
        Measure("memory", "Memory", "memory", 1024, _gib, per_time=True),
        Measure("money", "Money", "cost", MILLION, lambda value: money(value, currency)),
        Measure("carbon", "Carbon", "carbon", 1000, grams),
    ]
    return {one.key: one for one in found if one.key != "money" or (priced and currency)}


def values(found: Footprint, measure: Measure, seconds: int) -> list[float]:
    """Return the four parts as numbers of the measure; money in cents that add up to the whole as it is shown.

    Of less than one of the currency cents would draw nothing, or one part alone: it is told as it is.
    """
    parts: Parts = found.parts(measure.of)
    if measure.of == "cost" and parts.whole >= measure.unit:
        cents = round(Fraction(parts.whole * CENTS, measure.unit))
        return [cent / CENTS for cent in split(cents, parts)]
    whole = measure.unit * (seconds if measure.per_time else 1)
    return [float(Fraction(part, whole)) if whole else 0.0 for part in parts]


def bar(title: str, found: Footprint, measure: Measure, seconds: int, whose: str = "Your") -> Drawing:
    """Return a footprint's bar."""
    parts = [
        Part(label, value, tone)
        for (label, tone), value in zip(parts_of(whose), values(found, measure, seconds), strict=True)
    ]
    return split_bar(title=f"{title}: {measure.title}", parts=parts, write=measure.write)


def parts_of(whose: str) -> tuple[tuple[str, str], ...]:
    """Return the parts' labels and tones, to those whose work it is and to others."""
    return ((f"{whose} work", PARTS[0][1]), *PARTS[1:])


def key(whose: str = "Your") -> Drawing:
    """Return what the tones stand for."""
    return legend(parts_of(whose))


def days_chart(by_day: Mapping[date, Footprint], stretch: Stretch, measure: Measure) -> Drawing:
    """Return the stacked areas of every day of a stretch; a day that nobody saw is a gap."""
    days = [stretch.first + timedelta(days=number) for number in range(stretch.days)]
    shown = [
        values(by_day[day], measure, DAY_SECONDS) if day in by_day and _has(by_day[day], measure) else None
        for day in days
    ]
    series = [
        Series(label, [None if one is None else one[place] for one in shown], tone)
        for place, (label, tone) in enumerate(PARTS)
    ]
    return stacked_areas(
        title=f"{measure.title} by day",
        about=f"From {stretch.first:%d %b %Y} to {stretch.last - timedelta(days=1):%d %b %Y}, days of UTC.",
        days=[f"{day.day} {day:%b}" for day in days],
        series=series,
        write=measure.write,
    )


def numbers(
    rows: Sequence[tuple[str, Footprint, int]], shown: Sequence[Measure], title: str, whose: str = "Your"
) -> Drawing:
    """Return the table behind bars: a row for each name and measure."""
    found = []
    for name, footprint, seconds in rows:
        for measure in shown:
            parts = values(footprint, measure, seconds)
            cells = (measure.write(value) for value in (*parts, sum(parts)))
            found.append([words(f"{name}: {measure.title}"), *(words(cell) for cell in cells)])
    return table(["Of what", *(label for label, _ in parts_of(whose)), "All"], found, title=title)


def carbon_range(found: Footprint) -> str:
    """Return the estimate with its range, in words."""
    low, high = (Decimal(found.sums[f"carbon_{end}"]) / 1000 for end in ("low", "high"))
    told = f"about {grams(Decimal(found.carbon) / 1000)}, between {grams(low)} and {grams(high)}"
    return told + ("" if found.regions_known else "; a region without a grid figure is in it")


def _has(found: Footprint, measure: Measure) -> bool:
    return measure.of != "cost" or bool(found.currency)
