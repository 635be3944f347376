"""Reads the fields of one part of a price book; whatever is wrong is noted with its place, and reading goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from billing.pricing.bounds import FINEST, LARGEST, LARGEST_KEPT
from billing.pricing.money import EXACT, MoneyError, Price, price
from billing.pricing.rules.base import ZERO, PriceRule

Path = tuple[str | int, ...]
SHOWN = 40  # characters of a value that is wrong


class BookFault(NamedTuple):
    """One thing wrong in a price book, and where."""

    path: Path
    code: str
    detail: str

    def __str__(self) -> str:
        return f"{'.'.join(str(step) for step in self.path) or 'the book'}: {self.detail} [{self.code}]"


class BookInvalidError(ValueError):
    """The price book is wrong; `faults` says where and what to do."""

    def __init__(self, faults: list[BookFault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


@dataclass(slots=True)
class Fields:
    """A mapping of the document at `path`; `per_unit` base units make one unit of the meter that is priced.

    What was taken before there were bounds is not `bounded`: it is read as it is, but nothing above LARGEST_KEPT.
    """

    data: Mapping[str, Any]
    path: Path
    faults: list[BookFault]
    currency: str
    per_unit: int = 1
    bounded: bool = True

    def inside(self, *steps: str | int, data: Mapping[str, Any]) -> Fields:
        """Return the fields of a part of this one."""
        return Fields(
            data, (*self.path, *steps), self.faults, self.currency, self.per_unit, bounded=self.bounded
        )

    def fault(self, name: str | int, code: str, detail: str) -> None:
        """Note a fault at a field, or at the whole where the name is empty."""
        self.faults.append(BookFault((*self.path, name) if name != "" else self.path, code, detail))

    def only(self, known: tuple[str, ...]) -> None:
        """Note every field that is not known."""
        for name in self.data:
            if name not in known:
                self.fault(
                    name,
                    "unknown_field",
                    f"{name} is not known here; it takes {', '.join(known)}. Remove it.",
                )

    def text(self, name: str, *, default: str | None = None, most: int | None = None) -> str:
        """Return a text, of so many characters at most; without a default it must be there."""
        value = self.data.get(name, default)
        if isinstance(value, str) and (value or default == ""):
            if self.bounded and most is not None and len(value) > most:
                detail = f"{name} has {len(value)} characters, but at most {most} are kept; shorten it."
                self.fault(name, "text_too_long", detail)
            return value
        self.fault(name if name in self.data else "", "text_missing", f"{name} must be a text; add it.")
        return ""

    def truth(self, name: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self.data.get(name, default)
        if isinstance(value, bool):
            return value
        self.fault(name, "not_a_truth", f"{name} must be true or false.")
        return default

    def number(self, name: str, *, above_zero: bool = False) -> Decimal:
        """Return a number that is not negative; it must be there."""
        value = self.data.get(name)
        where = name if name in self.data else ""
        if value is None:
            self.fault(where, "number_missing", f"{name} is missing; add it, such as {name}: 0.05.")
            return Decimal(1)
        try:
            found = Decimal(value) if isinstance(value, int | str) and not isinstance(value, bool) else None
        except InvalidOperation:
            found = None
        shown = str(value)[:SHOWN]
        if found is None or not found.is_finite():
            self.fault(
                where, "not_a_number", f"{name} is {shown}, which is no number; write digits, such as 0.05."
            )
            return Decimal(1)
        if found < 0 or (above_zero and not found):
            least = "above 0" if above_zero else "at least 0"
            self.fault(where, "too_small", f"{name} is {shown}, but must be {least}.")
            return Decimal(1)
        if self.bounded and found > LARGEST:
            detail = f"{name} is {shown}, but must be at most {LARGEST:,f}; check its digits."
            self.fault(where, "too_large", detail)
            return Decimal(1)
        if self.bounded and found != found.quantize(FINEST, context=EXACT):
            detail = f"{name} is {shown}, finer than {-FINEST.adjusted()} decimal places; shorten it."
            self.fault(where, "too_fine", detail)
            return Decimal(1)
        return min(found, LARGEST_KEPT)

    def price(self, name: str = "price") -> Price:
        """Return a price in the book's currency."""
        before = len(self.faults)
        amount = self.number(name)
        if len(self.faults) > before:
            return ZERO
        try:
            return price(amount, self.currency)
        except MoneyError as error:
            self.fault(name, "price_invalid", str(error))
            return ZERO

    def base(self, name: str, *, above_zero: bool = True) -> int:
        """Return a quantity, written in units, in whole base units."""
        before = len(self.faults)
        amount = EXACT.multiply(self.number(name, above_zero=above_zero), Decimal(self.per_unit))
        if len(self.faults) == before and amount != int(amount):
            detail = f"{name} is finer than the meter counts; use fewer decimal places."
            self.fault(name, "too_fine", detail)
        return int(amount)

    def entries(self, name: str) -> list[Fields]:
        """Return a list of mappings; there must be one at least."""
        value = self.data.get(name)
        if not isinstance(value, list) or not value or not all(isinstance(entry, Mapping) for entry in value):
            self.fault(
                name if name in self.data else "",
                "list_missing",
                f"{name} must be a list of entries; add one.",
            )
            return []
        return [self.inside(name, place, data=entry) for place, entry in enumerate(value)]

    def names(self, name: str) -> frozenset[str]:
        """Return a list of texts that may be left out, but not be empty: nobody could tell what an empty one selects."""
        if name not in self.data:
            return frozenset()
        value = self.data[name]
        if not isinstance(value, list) or not value or not all(isinstance(entry, str) for entry in value):
            self.fault(name, "list_invalid", f"{name} must be a list of names; leave it out to select all.")
            return frozenset()
        return frozenset(value)

    def rule(self, name: str) -> PriceRule | None:
        """Return the price rule written at a field; None after a fault."""
        from billing.pricing.rules.registry import parse_rule

        value = self.data.get(name)
        if not isinstance(value, Mapping):
            self.fault(
                name if name in self.data else "",
                "rule_missing",
                f"{name} must say how it is priced, such as {{rule: per_unit, price: 0.05}}.",
            )
            return None
        return parse_rule(self.inside(name, data=value))
