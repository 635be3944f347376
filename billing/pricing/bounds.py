"""How large, long and deep what people write about prices may be, and what a statement's line can hold."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from billing.pricing.types import Line, Problem

LARGEST = Decimal(10) ** 12  # of a price, an amount, a tier, a weight: what is beyond is a typing error
LARGEST_KEPT = Decimal("1e1000")  # of what was taken before: it fits no statement, but can be reckoned with
FINEST = Decimal(1).scaleb(-15)  # of a quantity, as statements have them
LARGEST_RATE = Decimal(10) ** 9  # of one currency in another; below that
FINEST_RATE = Decimal(1).scaleb(-12)
LARGEST_COST = Decimal(10) ** 14  # of all lines together; from here on the tables hold none
LARGEST_VERSION = 999_999
LONGEST_TITLE = 100
LONGEST_TEXT = 500
DEEPEST = 20  # a rule within a rule within a rule has twelve
KEPT_AS_THEY_ARE = "\n\t"

Place = tuple[tuple[str | int, ...], str, str]


def faults_of_texts(value: Any, path: tuple[str | int, ...] = ()) -> list[Place]:
    """Return what can't be kept of a document's texts and names: (path, code, detail) of each."""
    if len(path) > DEEPEST:
        detail = f"it is more than {DEEPEST} levels deep; no price rule goes so far, so take some away."
        return [(path, "too_deep", detail)]
    found: list[Place] = []
    if isinstance(value, str):
        found += _faults_of_text(value, path)
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            found += _faults_of_text(name, (*path, name))
            found += faults_of_texts(inner, (*path, name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            found += faults_of_texts(inner, (*path, place))
    return found


def _faults_of_text(text: str, path: tuple[str | int, ...]) -> list[Place]:
    if len(text) > LONGEST_TEXT:
        detail = f"a text has at most {LONGEST_TEXT} characters, this one has {len(text)}; shorten it."
        return [(path, "text_too_long", detail)]
    strange = {letter for letter in text if unicodedata.category(letter) in {"Cc", "Cs"}}
    if strange <= set(KEPT_AS_THEY_ARE):
        return []
    named = ", ".join(f"U+{ord(letter):04X}" for letter in sorted(strange - set(KEPT_AS_THEY_ARE)))
    return [(path, "text_invalid", f"this text holds {named}, which can't be kept; remove it.")]


def fitting(lines: list[Line], problems: list[Problem]) -> list[Line]:
    """Return the lines that a statement can hold together; what is beyond is left out, and a problem of its price line."""
    if sum((line.list_cost for line in lines), Decimal(0)) < LARGEST_COST:
        return lines
    found, spent = [], Decimal(0)
    for line in lines:
        worth = max(map(abs, (line.list_cost, line.contracted_cost, line.billed_cost, line.effective_cost)))
        if spent + worth < LARGEST_COST:
            spent += worth
            found.append(line)
            continue
        whose = f"{line.book} version {line.book_version}, price line {line.price_line}"
        detail = (
            f"{whose if line.book else line.description}: it costs more than a statement can hold; "
            "mend its price, or the usage that it is for."
        )
        problems.append(Problem(-1, "price", "cost_too_large", detail))
    return found
