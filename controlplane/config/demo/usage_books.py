"""The demo's price change, in a folder of its own: the shipped books, and a version of `standard` that begins with a month."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from billing.books.apply import apply_prices
from billing.books.loading import DATA
from controlplane.tenants.access import SYSTEM

CHANGED = "standard"
_PRICES = (
    ("0.0300", "0.0312"),
    ("0.0280", "0.0291"),
    ("0.10}", "0.12}"),
)  # cores by 4 %, control planes by 20 %


def books_folder(state: Path) -> Path:
    """Return where an embedded stack's price books lie: its own folder once its prices have changed, the shipped one before."""
    own = state / "books"
    if not any(own.glob("*.yaml")):
        return DATA
    _copy_shipped(own)
    return own


def change_prices(state: Path, *, since: date) -> None:
    """Let new prices hold from a day on, the first of a month; again changes nothing, whatever the day."""
    own = state / "books"
    if not any(own.glob("*.yaml")):
        own.mkdir(parents=True, exist_ok=True)
        (own / f"{CHANGED}-2.yaml").write_text(_next_version((DATA / f"{CHANGED}-1.yaml").read_text(), since))
    _copy_shipped(own)
    apply_prices(actor=SYSTEM, directory=own)


def _copy_shipped(own: Path) -> None:
    """Have today's shipped books beside the demo's own: a book that no file of the folder has is not known."""
    for path in DATA.glob("*.yaml"):
        (own / path.name).write_text(path.read_text())


def _next_version(text: str, since: date) -> str:
    text = text.replace("version: 1\n", "version: 2\n")
    text = re.sub(r"effective_from: \S+", f"effective_from: {since.isoformat()}", text)
    for before, after in _PRICES:
        text = text.replace(before, after)
    return text
