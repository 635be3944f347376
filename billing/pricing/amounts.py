"""How amounts are written: for programs and hashes as plainly as can be, for people with their currency's places."""

from __future__ import annotations

from decimal import Decimal

from billing.pricing.money import places_of

MINUS = "\u2212"


def plain(amount: Decimal) -> str:
    """Write a number without an exponent and without zeros at its end: PostgreSQL adds some, and 1.50 is 1.5."""
    text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def digits(amount: Decimal, currency: str) -> str:
    """Write an amount with all of its places, at least as many as its currency has: 1,204.50."""
    whole, _, places = plain(amount).partition(".")
    least = places_of(currency)
    shown = f"{abs(int(whole)):,}"
    if places or least:
        shown = f"{shown}.{places.ljust(least, '0')}"
    return f"{MINUS}{shown}" if whole.startswith("-") else shown


def written(amount: Decimal, currency: str) -> str:
    """Write an amount with its currency: 1,204.50 EUR."""
    return f"{digits(amount, currency)} {currency}"
