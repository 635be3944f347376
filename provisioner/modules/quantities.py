"""Kubernetes' quantities: the same amount written in several ways. Pure."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

_FORM = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))([eE][+-]?[0-9]+|[EPTGM]i?|Ki|[numk])?")
# k8s.io/apimachinery/pkg/api/resource/suffix.go
_SUFFIXES = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1),
    "k": Decimal(10) ** 3, "M": Decimal(10) ** 6, "G": Decimal(10) ** 9, "T": Decimal(10) ** 12,
    "P": Decimal(10) ** 15, "E": Decimal(10) ** 18,
    "Ki": Decimal(2) ** 10, "Mi": Decimal(2) ** 20, "Gi": Decimal(2) ** 30, "Ti": Decimal(2) ** 40,
    "Pi": Decimal(2) ** 50, "Ei": Decimal(2) ** 60,
}  # fmt: skip
_LONGEST = 30  # characters, and the greatest exponent
_WHOLE = range(-(2**63), 2**63)
_MOST = Decimal(2) ** 63 - 1  # as Kubernetes bounds it
MEBIBYTE = Decimal(2) ** 20


def amount(text: Any) -> Decimal | None:
    """Return the number that a quantity stands for, None for what is none, or beyond what Kubernetes counts with."""
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        return None
    written = str(text).strip() if isinstance(text, str | float) or text in _WHOLE else ""
    found = _FORM.fullmatch(written) if len(written) <= _LONGEST else None
    if found is None:
        return None
    number, suffix = Decimal(found[1]), found[2] or ""
    if suffix in _SUFFIXES:
        made = number * _SUFFIXES[suffix]
    elif abs(int(suffix[1:])) <= _LONGEST:
        made = number.scaleb(int(suffix[1:]))
    else:
        return None
    return made if abs(made) <= _MOST else None
