"""Amounts and days as people read them. Pure."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from billing.pricing.amounts import written
from billing.pricing.money import places_of

KILO = Decimal(1000)


def amount_in_words(amount: Decimal, currency: str) -> str:
    """Return an amount of money, or of CO2e where there is no currency."""
    return money(amount, currency) if currency else grams(amount)


def money(amount: Decimal, currency: str) -> str:
    """Return an amount with its currency: 1,204.50 EUR."""
    return written(rounded(amount, currency), currency)


def rounded(amount: Decimal, currency: str) -> Decimal:
    """Return an amount with the places of its currency."""
    return amount.quantize(Decimal(1).scaleb(-places_of(currency)))


def grams(amount: Decimal) -> str:
    """Return an amount of CO2e in the unit that suits it."""
    for unit, size in (("t", KILO * KILO), ("kg", KILO)):
        if abs(amount) >= size:
            return f"{amount / size:,.2f} {unit} CO₂e"
    return f"{amount:,.0f} g CO₂e"


def day_in_words(day: date) -> str:
    """Return a day: 23 November."""
    return f"{day.day} {day:%B}"


def next_month(day: date) -> str:
    """Return when the next month begins: 1 December."""
    return day_in_words((day.replace(day=28) + timedelta(days=4)).replace(day=1))


def percent(part: Decimal, whole: Decimal) -> int:
    """Return how many per cent, rounded down: a hundred means that nothing is left."""
    return int(part * 100 / whole) if whole else 0
