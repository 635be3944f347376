"""Days and numbers as people type them into a form."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from controlplane.kernel.errors import Refused

_DAY = re.compile(r"20\d\d-\d\d-\d\d", re.ASCII)
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+(\.\d*)?", re.ASCII)


def day(text: str, name: str) -> date:
    """Return a day of this century; raises Refused 422."""
    try:
        if not _DAY.fullmatch(text):
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError as error:
        raise Refused("day_invalid", f"{name} must be a day, such as 2026-12-01.", field=name) from error


def number(text: str, name: str, *, places: int = 6, digits: int = 9, signed: bool = False) -> Decimal:
    """Return a number, without a sign unless it may have one; raises Refused 422.

    Commas stand between thousands: 1,250.50. Elsewhere they are refused, as half the world begins the cents with one.
    """
    plain = text.replace("\u2212", "-", 1)  # as our own pages write it
    sign, size = ("-", plain[1:]) if signed and plain.startswith("-") else ("", plain)
    if _THOUSANDS.fullmatch(size):
        size = size.replace(",", "")
    if not re.fullmatch(rf"\d{{1,{digits}}}(\.\d{{1,{places}}})?", size, re.ASCII):
        shown = "-1250.50" if signed else "1250.50"
        detail = f"{name} must be a number such as {shown}, with a point and at most {places} decimal places."
        raise Refused("number_invalid", detail, field=name)
    return Decimal(sign + size)
