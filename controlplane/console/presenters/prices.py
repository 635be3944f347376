"""Prices in words: lines, what differs between two versions, and a month by both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from billing.books.models import PriceBook
from billing.books.sentences import LineWords, Step, lines_in_words, price
from billing.books.uploading import difference
from billing.books.what_if_models import WhatIfAnswer
from billing.costs.sentences import money
from billing.meters.registry import meters
from controlplane.console.charts import Bar, Drawing, horizontal_bars
from controlplane.console.presenters.badges import Badge
from controlplane.console.presenters.figures import MINUS

MOST_BARS, MOST_MOVED = 12, 3
LONGEST = 160
FIELDS = {
    "title": "Title",
    "currency": "Currency",
    "effective_from": "Holds from",
    "effective_to": "Holds until",
    "free": "Costs nothing",
    "bills_inferred": "Time inferred, not seen, is billed",
    "credit": "Given back by the book",
}
Document = Mapping[str, Any]


@dataclass(frozen=True)
class StepShown:
    """One price; `before` is the list price where a contract has another."""

    holds: str
    amount: str
    per: str
    before: str = ""


@dataclass(frozen=True)
class LineShown:
    """One line of a book."""

    title: str
    meter: str
    only: str
    counted: str
    steps: tuple[StepShown, ...]
    monthly: str


@dataclass(frozen=True)
class Differs:
    """One thing that two versions say differently; no `before`: it is new, no `after`: it is gone."""

    title: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True)
class TenantShown:
    """One tenant's month by both prices."""

    slug: str
    name: str
    before: str
    after: str
    change: str
    percent: str
    moved: tuple[str, ...]
    problems: tuple[str, ...]


def meter_title(key: str) -> str:
    """Return what a meter is called."""
    found = meters().get(key)
    return found.title if found else key


def lines_shown(lines: Iterable[LineWords], currency: str) -> list[LineShown]:
    """Return lines with their prices written out."""
    return [
        LineShown(
            line.title,
            meter_title(line.meter),
            line.only,
            line.counted,
            tuple(_step(step, currency) for step in line.steps),
            money(line.monthly, currency) if line.monthly is not None else "",
        )
        for line in lines
    ]


def book_state(row: PriceBook, today: date) -> Badge:
    """Return whether a version holds."""
    if row.effective_from > today:
        return Badge("To come", "clock", "wait")
    if row.effective_to is not None and row.effective_to <= today:
        return Badge("Ended", "archive-box", "")
    return Badge("Holds", "check-circle", "ok")


def differences_shown(before: Document | None, after: Document) -> list[Differs]:
    """Return line by line what differs, in words; everything where there is nothing before."""
    old = {line.key: line for line in lines_in_words(before)} if before else {}
    new = {line.key: line for line in lines_in_words(after)}
    was = {entry["key"]: entry for entry in before["lines"]} if before else {}
    now = {entry["key"]: entry for entry in after["lines"]}
    found = _fields(before, after) if before else []
    currencies = (before or after)["currency"], after["currency"]
    for key in dict.fromkeys([*new, *old]):
        if was.get(key) == now.get(key):
            continue
        title = (new.get(key) or old[key]).title
        found.append(Differs(title, *_both(old.get(key), new.get(key), currencies)))
    return found


def what_if_shown(found: Sequence[WhatIfAnswer], names: Mapping[str, str]) -> list[TenantShown]:
    """Return tenants as a table has them, by slug."""
    return [
        TenantShown(
            one.slug,
            names.get(one.slug, one.slug),
            money(one.before, one.currency),
            money(one.after, one.currency),
            signed(one.change, one.currency),
            _percent(one.before, one.change),
            _moved(one),
            tuple(one.problems)[:MOST_MOVED],
        )
        for one in found
    ]


def sums_shown(sums: Sequence[tuple[str, Decimal, Decimal]]) -> list[TenantShown]:
    """Return what all of them come to, for each currency."""
    return [
        TenantShown(
            "",
            currency,
            money(before, currency),
            money(after, currency),
            signed(after - before, currency),
            _percent(before, after - before),
            (),
            (),
        )
        for currency, before, after in sums
    ]


def what_if_chart(ranked: Sequence[WhatIfAnswer], names: Mapping[str, str]) -> Drawing | str:
    """Draw the largest changes, which come first; nothing where nothing changes."""
    bars = [
        Bar(
            names.get(one.slug, one.slug),
            one.change,
            note="dearer" if one.change > 0 else "cheaper",
            tone="2" if one.change > 0 else "4",
        )
        for one in ranked[:MOST_BARS]
    ]
    currencies = {one.currency for one in ranked[:MOST_BARS]}
    if not bars:
        return ""
    unit = currencies.pop() if len(currencies) == 1 else "the currency of each statement"
    return horizontal_bars(
        title="Difference by tenant",
        about=f"What the month would have cost more or less, in {unit}; the largest changes first.",
        bars=bars,
        write=lambda amount: f"{amount:+,.2f}".replace("-", MINUS),
        measure="Difference",
    )


def signed(amount: Decimal, currency: str) -> str:
    """Return an amount with its sign: +12.50 EUR."""
    return ("+" if amount > 0 else "") + money(amount, currency).replace("-", MINUS)


def _percent(before: Decimal, change: Decimal) -> str:
    return f"{change * 100 / before:+.1f} %".replace("-", MINUS) if before and change else ""


def _moved(one: WhatIfAnswer) -> tuple[str, ...]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for meter, _, change in one.moved:
        sums[meter] += Decimal(change)
    ranked = sorted((entry for entry in sums.items() if entry[1]), key=lambda entry: -abs(entry[1]))
    return tuple(
        f"{meter_title(meter) if meter else 'Fees and credits'} {signed(change, one.currency)}"
        for meter, change in ranked[:MOST_MOVED]
    )


def _step(step: Step, currency: str) -> StepShown:
    if step.amount is None:
        return StepShown(step.holds, "nothing", "")
    if step.contracted is None:
        return StepShown(step.holds, price(step.amount, currency), step.per)
    return StepShown(step.holds, price(step.contracted, currency), step.per, price(step.amount, currency))


def _both(
    old: LineWords | None, new: LineWords | None, currencies: tuple[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return both lines in words; a price that moved says by how much."""
    before = tuple(_words(step, currencies[0]) for step in old.steps) if old else ()
    if old is None or new is None or [s.holds for s in old.steps] != [s.holds for s in new.steps]:
        after = [_words(step, currencies[1]) for step in new.steps] if new else []
    else:
        after = [
            _words(step, currencies[1]) + _moved_by(was, step)
            for was, step in zip(old.steps, new.steps, strict=True)
        ]
    only_before, only_after = (
        (f"Only for {line.only}",) if line and line.only else () for line in (old, new)
    )
    return before + only_before, tuple(after) + only_after


def _words(step: Step, currency: str) -> str:
    amount = "nothing" if step.amount is None else f"{price(step.amount, currency)} {step.per}"
    return f"{step.holds}: {amount}" if step.holds else amount


def _moved_by(was: Step, now: Step) -> str:
    if was.amount is None or now.amount is None or was.amount == now.amount or not was.amount:
        return ""
    return f" ({_percent(was.amount, now.amount - was.amount)})"


def _fields(before: Document, after: Document) -> list[Differs]:
    """What differs outside of the lines."""
    found: dict[str, tuple[Any, Any]] = {}
    for place, *_ in difference(dict(before), dict(after)):
        name = place.partition(".")[0]
        if name in FIELDS:
            found[name] = before.get(name), after.get(name)
    return [Differs(FIELDS[name], _value(old), _value(new)) for name, (old, new) in found.items()]


def _value(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, bool):
        return ("yes" if value else "no",)
    if isinstance(value, list):
        return (", ".join(meter_title(str(entry)) for entry in value),)
    if isinstance(value, Mapping):
        limit = f", up to {value['limit']} a month" if "limit" in value else ""
        return (f"{value['title']}: {value['percent']} %{limit}",)
    return (str(value)[:LONGEST],)
