"""What the usage store wants to know from rooms above it; they fill these at start-up. Read them through the module.

`needed_since(today)` answers the first day whose samples are still needed: of the oldest month that some tenant's statement is
not sealed for. Nothing from it on is dropped, whatever the retention says.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from billing.usage.slots import month_before


def last_month(today: date) -> date:
    """The answer of an installation without statements: last month may still be wanted."""
    return month_before(today)


needed_since: Callable[[date], date] = last_month
