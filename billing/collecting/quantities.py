"""Kubernetes quantities, exactly: whole billionths, as fine as the API itself counts."""

from __future__ import annotations

import re
from functools import lru_cache

NANO = 10**9
MIB, GIB = 2**20, 2**30
_MOST = 2**63 * NANO  # no volume and no memory is larger; beyond it a sum would leave the database's numbers
_LONGEST = 48
_QUANTITY = re.compile(r"\+?(\d*)(?:\.(\d*))?(?:([KMGTPE]i|[numkMGTPE])|[eE]([+-]?\d{1,2}))?", re.ASCII)
_BINARY = {f"{letter}i": 1024**power for power, letter in enumerate("KMGTPE", start=1)}
_POWERS = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


class UnreadableError(ValueError):
    """What a cluster answered is not what a Kubernetes API says: nothing may be measured from it."""


@lru_cache(maxsize=16_384)
def nanos(text: str) -> int:
    """Return `1500m` as 1_500_000_000, `2Gi` as 2**31 * 10**9; rounded up beyond billionths, as the API does.

    Raises UnreadableError for what is no quantity, is negative or is larger than anything there is.
    """
    found = _QUANTITY.fullmatch(text) if 0 < len(text) <= _LONGEST else None
    whole, fraction, suffix, exponent = found.groups() if found else ("", "", "", "")
    if not whole and not fraction:
        raise UnreadableError(f"{text[:_LONGEST]!r} is no quantity")
    fraction = fraction or ""
    power = 9 - len(fraction) + (int(exponent) if exponent else _POWERS.get(suffix, 0))
    digits = int(whole + fraction) * _BINARY.get(suffix, 1)
    amount: int = digits * 10**power if power >= 0 else -(-digits // 10**-power)
    if amount > _MOST:
        raise UnreadableError(f"{text[:_LONGEST]!r} is more than there is")
    return amount


def millicores(amount: int) -> int:
    """Return billionths of a core as whole thousandths, rounded down: never more than was seen."""
    return amount // 10**6


def mebibytes(amount: int) -> int:
    """Return billionths of a byte as whole MiB, rounded down: never more than was seen."""
    return amount // (MIB * NANO)


def gibibytes(amount: int) -> int:
    """Return billionths of a byte as whole GiB, rounded up, as every provider bills volumes."""
    return -(-amount // (GIB * NANO))
