"""Version arithmetic of Gardener's admission."""

from __future__ import annotations

from datetime import UTC, datetime

from provisioner.simulator.errors import Json
from provisioner.simulator.moments import parse

Version = tuple[int, ...]


def number(text: str) -> Version:
    """Return `1.34.8` as (1, 34, 8); an empty tuple when it is no version."""
    parts = text.split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()


def is_expired(offer: Json) -> bool:
    """Say whether an offered version may no longer be chosen."""
    expiry = offer.get("expirationDate")
    return isinstance(expiry, str) and parse(expiry) <= datetime.now(UTC)


def newest(offers: list[Json], prefix: str = "") -> str:
    """Return the newest offered version of a minor (or of all), supported before deprecated, no preview."""
    wanted = number(prefix) if prefix else ()
    live = [
        each
        for each in offers
        if not is_expired(each)
        and each.get("classification") != "preview"
        and number(each["version"])[: len(wanted)] == wanted
    ]
    best = [each for each in live if each.get("classification") == "supported"] or live
    return max((each["version"] for each in best), key=number, default="")
