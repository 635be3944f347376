"""What engine 1 did otherwise: statements that it sealed are checked with it. Nothing new is rated so.

In a month that was cut, a piece could free more than it used, so that less than nothing was charged; time in which nothing was
used did not count; and of a runtime that changed its plan or account the longer time alone counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from billing.pricing.gathering import Group
from billing.pricing.rules.base import ZERO, Part, PriceRule, Use


def charge_included(use: Use, allowance: Callable[[int], int], then: PriceRule) -> list[Part]:
    """Return the included part at no cost, then what the other rule says of the rest."""
    whole = use.before + use.base
    free_before = min(use.before, allowance(use.observed_before))
    free_after = min(whole, allowance(use.observed_before + use.observed_seconds))
    free = free_after - free_before
    rest = use.of(
        base=use.base - free,
        before=use.before - free_before,
        total=max(use.total - allowance(use.observed_total), 0),
    )
    parts = [Part("included", free, free, use.per_unit, ZERO)] if free else []
    return parts + (then.charge(rest) if rest.base else [])


def seen_until(pieces: Iterable[Sequence[Group]]) -> list[int]:
    """Return how long the runtimes of some groups were seen until the end of each piece of the month."""
    found: list[int] = []
    for groups in pieces:
        longest: dict[str, int] = {}
        for group in groups:
            longest[group.runtime] = max(longest.get(group.runtime, 0), group.observed)
        found.append(sum(longest.values()) + (found[-1] if found else 0))
    return found
