"""Days and numbers as people type them into a form."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from controlplane.kernel.errors import Refused

_DAY = re.compile(r"20\d\d-\d\d-\d\d", re.ASCII)


def day(text: str, name: str) -> date:
    """Return a day of this century; raises Refused 422."""
    try:
        if not _DAY.fullmatch(text):
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError as error:
        raise Refused("day_invalid", f"{name} must be a day, such as 2026-12-01.", field=name) from error


def number(text: str, name: str, *, places: int = 6) -> Decimal:
    """Return a number that is not negative, commas between thousands left out; raises Refused 422."""
    plain = text.replace(",", "")
    if not re.fullmatch(rf"\d{{1,9}}(\.\d{{1,{places}}})?", plain, re.ASCII):
        detail = f"{name} must be a number such as 1250.50, with at most {places} decimal places."
        raise Refused("number_invalid", detail, field=name)
    return Decimal(plain)
