"""Kubernetes quantities as numbers."""

from __future__ import annotations

from typing import Any

_UNITS = {
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50,
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
}  # fmt: skip


def amount(text: Any) -> float:
    """Return `250m` as 0.25 and `1Gi` as 1073741824; 0 for what cannot be read."""
    said = str(text)
    for suffix, factor in _UNITS.items():
        if said.endswith(suffix):
            return _number(said[: -len(suffix)]) * factor
    return _number(said)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def cores(value: float) -> str:
    """Return a number of cores as a quantity of nanocores, as metrics.k8s.io writes it."""
    return f"{int(value * 1e9)}n"


def kibibytes(value: float) -> str:
    """Return a number of bytes as a quantity."""
    return f"{int(value) // 1024}Ki"
