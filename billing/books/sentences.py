"""A price book in words: what each line costs, for people who have never seen its file. Pure, over the book's document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

HOURS_A_MONTH = 730  # a year's hours by twelve, as providers' calculators have it
HUNDRED = Decimal(100)
MOST_NAMES = 4
Document = Mapping[str, Any]


class Step(NamedTuple):
    """One price of a line: `holds` says for what, empty where it holds for all of it. `amount` is None where nothing is asked."""

    holds: str
    amount: Decimal | None
    per: str  # one unit: "Core-Hour"
    contracted: Decimal | None = None  # after a contract's discount


@dataclass(frozen=True, slots=True)
class LineWords:
    """One line of a book as people read it."""

    key: str
    meter: str
    title: str
    unit: str
    only: str  # "" where it prices all of its meter: "plan aws; m5.large"
    counted: str  # "" or over whose month tiers count
    steps: tuple[Step, ...]
    monthly: Decimal | None  # what one unit costs when it stands all month, at the first price


def lines_in_words(document: Document, *, discount: Decimal = Decimal(0)) -> list[LineWords]:
    """Return every line of a book's document; `discount` in percent is the contract's."""
    return [_line(entry, discount) for entry in document.get("lines", ())]


def one(unit: str) -> str:
    """Return a unit in the singular: Core-Hours become a Core-Hour."""
    return unit[:-1] if unit.endswith("s") else unit


def plain(number: Decimal | str | int) -> str:
    """Write a number as it is, thousands apart: 50,000 or 0.0285."""
    return f"{_number(number):,f}"


def price(amount: Decimal, currency: str) -> str:
    """Write a price with all its places, and two at least: 0.000135 EUR."""
    exponent = amount.as_tuple().exponent
    whole = isinstance(exponent, int) and exponent > -2  # noqa: PLR2004 - places of most currencies
    return f"{amount.quantize(Decimal('0.01')) if whole else amount:,f} {currency}"


def step_in_words(step: Step, currency: str) -> str:
    """Return a step as a sentence's part: the first 50,000: 0.03 EUR a Core-Hour."""
    told = (
        "nothing" if step.amount is None else f"{price(step.contracted or step.amount, currency)} {step.per}"
    )
    return f"{step.holds}: {told}" if step.holds else told


def _line(entry: Document, discount: Decimal) -> LineWords:
    unit = entry["unit"]
    steps = tuple(_discounted(step, discount) for step in _steps(entry["price"], unit))
    first = next((step for step in steps if step.amount is not None), None)
    hourly = first is not None and first.per == f"a {one(unit)}" and unit.endswith("-Hours")
    amount = (first.amount if first.contracted is None else first.contracted) if first and hourly else None
    return LineWords(
        entry["key"],
        entry["meter"],
        entry.get("description") or entry["key"],
        unit,
        _only(entry),
        _counted(entry),
        steps,
        amount * HOURS_A_MONTH if amount else None,
    )


def _discounted(step: Step, discount: Decimal) -> Step:
    if not discount or step.amount is None:
        return step
    return step._replace(contracted=_number(step.amount * (HUNDRED - discount) / HUNDRED))


def _steps(rule: Document | str, unit: str, before: str = "") -> Iterator[Step]:
    """Yield a rule's steps; `before` is what an outer rule says of when it holds."""
    kind = rule["rule"] if isinstance(rule, Mapping) else "per_unit"
    yield from _KINDS[kind](rule, unit, before)


def _per_unit(rule: Any, unit: str, before: str) -> Iterator[Step]:
    amount = rule["price"] if isinstance(rule, Mapping) else rule
    yield Step(before, _number(amount), f"a {one(unit)}")


def _graduated(rule: Any, unit: str, before: str) -> Iterator[Step]:
    lower = ""
    for tier in rule["tiers"]:
        upper = plain(tier["up_to"]) if "up_to" in tier else ""
        where = f"the first {upper}" if not lower else f"{lower} to {upper}" if upper else f"above {lower}"
        yield Step(_joined(before, where if upper or lower else ""), _number(tier["price"]), f"a {one(unit)}")
        lower = upper


def _volume(rule: Any, unit: str, before: str) -> Iterator[Step]:
    lower = ""
    for tier in rule["tiers"]:
        upper = plain(tier["up_to"]) if "up_to" in tier else ""
        where = f"up to {upper} in the month" if upper else f"above {lower} in the month, for all of them"
        yield Step(_joined(before, where if upper or lower else ""), _number(tier["price"]), f"a {one(unit)}")
        lower = upper


def _package(rule: Any, unit: str, before: str) -> Iterator[Step]:
    yield Step(before, _number(rule["price"]), f"for each {plain(rule['size'])} {unit} begun")


def _included(rule: Any, unit: str, before: str) -> Iterator[Step]:
    if "units" in rule:
        free = f"the first {plain(rule['units'])} a month"
    else:
        free = f"{plain(rule['units_per_hour'])} for each hour that runtimes were seen"
    yield Step(_joined(before, free), None, f"a {one(unit)}")
    yield from _steps(rule["then"], unit, _joined(before, "beyond"))


def _minimum(rule: Any, unit: str, before: str) -> Iterator[Step]:
    yield from _steps(rule["then"], unit, before)
    yield Step(_joined(before, "at least"), _number(rule["amount"]), "a month")


def _flat(rule: Any, unit: str, before: str) -> Iterator[Step]:
    per = "a month, by the time that was seen" if rule.get("prorated") else "a month, however much"
    yield Step(before, _number(rule["price"]), per)


def _capacity(rule: Any, unit: str, before: str) -> Iterator[Step]:
    amount = _number(rule["price"])
    yield Step(_joined(before, "a capacity unit"), amount, "an hour")
    by_weight: dict[Decimal, list[str]] = {}
    for name, weight in rule["weights"].items():
        by_weight.setdefault(_number(weight), []).append(name)
    for weight, names in sorted(by_weight.items()):
        told = f"{_listed(sorted(names))}: {plain(weight)} capacity unit{'' if weight == 1 else 's'}"
        yield Step(_joined(before, told), amount * weight, f"a {one(unit)}")


_KINDS: Mapping[str, Any] = {
    "per_unit": _per_unit,
    "graduated": _graduated,
    "volume": _volume,
    "package": _package,
    "included": _included,
    "minimum": _minimum,
    "flat": _flat,
    "capacity": _capacity,
}


def _only(entry: Document) -> str:
    told = []
    for field, noun in (("plans", "plan"), ("regions", "region"), ("dimensions", "")):
        if names := entry.get(field):
            told.append(f"{noun} {_listed(sorted(names))}".strip())
    return "; ".join(told)


def _counted(entry: Document) -> str:
    per = entry.get("per")
    return f"counted for each {per}" if per else ""


def _listed(names: Sequence[str]) -> str:
    if len(names) <= MOST_NAMES:
        return ", ".join(names)
    return f"{', '.join(names[: MOST_NAMES - 1])} and {len(names) - MOST_NAMES + 1} more"


def _joined(before: str, where: str) -> str:
    return ", ".join(part for part in (before, where) if part)


def _number(value: Any) -> Decimal:
    """Return a number as the document has it, without zeros at its end and without an exponent."""
    return Decimal(f"{Decimal(str(value)).normalize():f}")
