"""What price books want to know from rooms above them; they fill these at start-up. Read them through the module.

`left_for(terms, tenant_id, month)` answers a month's terms with as much of each credit as is left for it: what drafts of other
months are about to draw is gone. `limits_for(terms, items, tenant_id, month)` answers them with what other months took of the
credit that a book gives by itself, for its limit; the items are what the month is rated from.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Protocol
from uuid import UUID

from billing.pricing.types import Terms, UsageItem


class LeftFor(Protocol):
    """How much of a tenant's credits a month finds."""

    def __call__(self, terms: Terms, *, tenant_id: UUID, month: date) -> Terms:
        """Return the month's terms."""
        ...


def all_of_it(terms: Terms, *, tenant_id: UUID, month: date) -> Terms:
    """The answer of an installation without statements."""
    return terms


class LimitsFor(Protocol):
    """How much of books' own credits a month finds taken."""

    def __call__(self, terms: Terms, items: Iterable[UsageItem], *, tenant_id: UUID, month: date) -> Terms:
        """Return the month's terms."""
        ...


def nothing_taken(terms: Terms, items: Iterable[UsageItem], *, tenant_id: UUID, month: date) -> Terms:
    """The answer of an installation without statements."""
    return terms


left_for: LeftFor = all_of_it
limits_for: LimitsFor = nothing_taken
