"""Which past the demo tells of its runtimes: since when each lived, what was missed, late or out of the ordinary. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import cycle

from billing.usage.backdating import Past
from billing.usage.slots import DAY, HOUR, month_before, month_of, start_of
from controlplane.config.demo.fleet import Fate, wishes

DAYS = 45
Stretch = tuple[datetime, datetime]  # half open
_OLDEST_FIRST = (45, 45, 38, 45, 45, 30, 45, 24, 45, 17, 45, 9)  # days, in turn

RETIRED = "aegean-shipping/weather-development"  # deleted 18 days ago
SLEEPER = "aegean-shipping/invoices-staging"  # asleep for a week
BLINKING = "aegean-shipping/berths-production"  # three slots were missed: what stood before and after stood there too
BLIND = "aegean-shipping/tracking-production"  # nobody could read it for half a day
TARDY = "aegean-shipping/lake-production"  # its last month's samples of a day come after the month is sealed
CONTESTED = "aegean-shipping/routes-production"  # two samples of one slot that differ
SURGED = "aegean-shipping/booking-production"  # three days ago it was four times as large for most of a day
SURGE = 4


@dataclass(frozen=True)
class Story:
    """One runtime's past. `missed` nobody saw; `late` comes in at the very end; `contested` is told twice, differently."""

    tenant: str
    name: str
    past: Past
    missed: tuple[Stretch, ...] = ()
    late: Stretch | None = None
    contested: datetime | None = None
    surge: Stretch | None = (
        None  # comes in last, when there are enough other days to tell that it is out of the ordinary
    )


def stories(today: date) -> Iterator[Story]:
    """Yield the past of each runtime that gets one, counted back from a day, always the same for the same day."""
    midnight = start_of(today)
    ages = cycle(_OLDEST_FIRST)
    for number, wish in enumerate(wishes()):
        full = f"{wish.tenant}/{wish.name}"
        if wish.fate not in {Fate.KEPT, Fate.CHANGED} or (
            wish.trouble and wish.trouble.operation == "Create"
        ):
            continue
        age = next(ages)
        if full in {RETIRED, SLEEPER, BLINKING, BLIND, TARDY, CONTESTED, SURGED}:
            age = DAYS
        since = midnight - age * DAY + number * 7 % 24 * HOUR
        slept, woke = (midnight - 16 * DAY, midnight - 9 * DAY) if full == SLEEPER else (None, None)
        ended = midnight - 18 * DAY + 15 * HOUR if full == RETIRED else None
        yield Story(
            wish.tenant,
            wish.name,
            Past(since, slept, woke, ended),
            missed=_missed(full, midnight),
            late=_late(today) if full == TARDY else None,
            contested=midnight - DAY + 12 * HOUR if full == CONTESTED else None,
            surge=(midnight - 3 * DAY + 5 * HOUR, midnight - 3 * DAY + 22 * HOUR) if full == SURGED else None,
        )


def windows(today: date, *, days: int = 3) -> Iterator[Stretch]:
    """Yield the days before a day in pieces, the newest first; the first piece ends with that day itself."""
    end, oldest = start_of(today) + DAY, start_of(today) - DAYS * DAY
    while end > oldest:
        start = max(end - days * DAY, oldest)
        yield start, end
        end = start


def closed_months(today: date) -> list[date]:
    """Return the months that the past touches and that are over, oldest first."""
    found, month = [], month_of(today)
    while (month := month_before(month)) >= month_of(today - timedelta(days=DAYS)):
        found.append(month)
    return found[::-1]


def _missed(full: str, midnight: datetime) -> tuple[Stretch, ...]:
    if full == BLINKING:
        start = midnight - 2 * DAY + 10 * HOUR + HOUR / 6
        return ((start, start + HOUR / 4),)
    if full == BLIND:
        start = midnight - 6 * DAY + 2 * HOUR
        return ((start, start + 11 * HOUR),)
    return ()


def _late(today: date) -> Stretch:
    start = start_of(month_of(today)) - 4 * DAY
    return start, start + 18 * HOUR
