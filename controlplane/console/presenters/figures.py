"""How numbers are written on every page: thousands apart by a comma, a real minus, never an exponent. Exact for decimals."""

from __future__ import annotations

from decimal import Decimal

MINUS = "\u2212"
MANIFOLD = 1000  # per cent; above, pages say no more than that


def grouped(value: Decimal | int) -> str:
    """Write a number as it is: 12,024.76."""
    return (
        f"{value:,f}".replace("-", MINUS) if isinstance(value, Decimal) else f"{value:,}".replace("-", MINUS)
    )


def rounded(value: Decimal | int | float, places: int) -> str:
    """Write a number with so many places: 12,024.8."""
    return f"{value:,.{places}f}".replace("-", MINUS)


def share(percent: int) -> str:
    """Write per cent: 1,000 %; of what is far beyond all that was meant nobody reads each digit."""
    return f"{grouped(percent)} %" if percent <= MANIFOLD else f"more than {grouped(MANIFOLD)} %"
