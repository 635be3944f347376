"""What the rest of a month will bring, from the days before. Pure, and silent where there is too little to go by.

The level is the mean of the last seven days. With two weeks and more each weekday has its factor: what it brings against the
mean of its week, averaged over four weeks. How far off this rule was is known from the past: it is tried on each day with only
the days before it. Four out of five of those errors, and of one more that nobody has seen yet, were no larger than the interval
is wide (split conformal prediction: Lei and others, 2018), above and below alike: a rule that was always too low while use grew
may be too high once it falls. For n days it is sqrt(n + n²/7) times as wide as for one, as each day errs by itself and all by
the level.

Days that were all alike have no errors, and yet say nothing certain: after n of them the next one is unlike them with a chance
of 1 in n + 2 (Laplace's rule of succession, 1814), and may then bring nothing, or twice as much. That share of what is to come is
the least that the interval reaches to either side: a ninth after a week, a thirtieth after four, and nothing at the month's end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

LEVEL_DAYS = 7
WINDOW_DAYS = 28
TRIED = 5  # errors known of fewer days say nothing
FOUR_OF_FIVE = Decimal("0.8")
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is expected of each day to come; the sum lies between `low` and `high` four times out of five."""

    days: Mapping[date, Decimal]
    low: Decimal
    high: Decimal
    known_days: int
    by_weekday: bool

    @property
    def expected(self) -> Decimal:
        """The sum of the days."""
        return sum(self.days.values(), ZERO)


@dataclass(frozen=True, slots=True)
class TooLittle:
    """Not enough whole days are known to say anything."""

    known_days: int
    needed: int = LEVEL_DAYS


def forecast(history: Mapping[date, Decimal], ahead: Mapping[date, Decimal]) -> Forecast | TooLittle:
    """Return what the days `ahead` will bring; each counts by the share of it that is still to come (1: all of it).

    `history` holds whole days that are well known; those long past are left out by themselves.
    """
    known = _recent(history, max(history, default=date.min))
    if len(known) < LEVEL_DAYS:
        return TooLittle(len(known))
    errors = _errors(known) if len(known) >= LEVEL_DAYS + TRIED else []
    if not errors:
        mean = _mean(list(known.values()))
        errors = [amount - mean for amount in known.values()]
    brought = {day.weekday(): max(ZERO, _expected(known, day)) for day in ahead}
    days = {day: brought[day.weekday()] * share for day, share in ahead.items()}
    count = sum(ahead.values(), ZERO)
    total = sum(days.values(), ZERO)
    width = max(_likely(errors) * (count + count * count / LEVEL_DAYS).sqrt(), total * unseen(len(known)))
    return Forecast(
        days,
        max(ZERO, total - width),
        total + width,
        len(known),
        _has_weekdays(known),
    )


def unseen(known_days: int) -> Decimal:
    """Return which share of what is to come is unsure at least, however steady the known days were: 0 to 1."""
    return Decimal(1) / (known_days + 2)


def forecast_each(
    history: Mapping[date, Mapping[str, Decimal]], ahead: Mapping[date, Decimal]
) -> tuple[Forecast, dict[str, Forecast]] | TooLittle:
    """Return what the days `ahead` will bring to all together, and to each of several by itself: they add up to what all bring.

    What changed with one says nothing of another; how far off all together may be is told by what all together were.
    """
    whole = forecast({day: sum(amounts.values(), ZERO) for day, amounts in history.items()}, ahead)
    if isinstance(whole, TooLittle):
        return whole
    each: dict[str, Forecast] = {}
    for name in sorted({name for amounts in history.values() for name in amounts}):
        found = forecast({day: amounts.get(name, ZERO) for day, amounts in history.items()}, ahead)
        if isinstance(found, Forecast):
            each[name] = found
    days = {day: sum((found.days[day] for found in each.values()), ZERO) for day in ahead}
    total = sum(days.values(), ZERO)
    low, high = max(ZERO, total - whole.expected + whole.low), total - whole.expected + whole.high
    return replace(whole, days=days, low=min(low, total), high=max(high, total)), each


def quantile(ordered: Sequence[Decimal], share: Decimal) -> Decimal:
    """Return the value below which that share of the values lies, between two values in proportion."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _recent(history: Mapping[date, Decimal], last: date) -> dict[date, Decimal]:
    first = last - timedelta(days=WINDOW_DAYS - 1) if history else last
    return {day: history[day] for day in sorted(history) if first <= day <= last}


def _has_weekdays(known: Mapping[date, Decimal]) -> bool:
    return len(known) >= 2 * LEVEL_DAYS


def _expected(known: Mapping[date, Decimal], day: date) -> Decimal:
    """What the rule says of a day, from the known days before it."""
    level = _mean(list(known.values())[-LEVEL_DAYS:])
    if not _has_weekdays(known):
        return level
    return level * _factor(known, day.weekday())


def _factor(known: Mapping[date, Decimal], weekday: int) -> Decimal:
    """How a weekday compares to the seven days that end with it: a level that moves does not pass for a weekday's habit."""
    days = list(known)
    ratios: dict[int, list[Decimal]] = defaultdict(list)
    for place in range(LEVEL_DAYS - 1, len(days)):
        week = days[place - LEVEL_DAYS + 1 : place + 1]
        mean = _mean([known[day] for day in week])
        if mean > ZERO:
            for day in week:
                ratios[day.weekday()].append(known[day] / mean)
    means = {number: _mean(found) for number, found in ratios.items()}
    if weekday not in means:
        return Decimal(1)
    return means[weekday] * len(means) / sum(means.values(), ZERO) if any(means.values()) else Decimal(1)


def _errors(known: Mapping[date, Decimal]) -> list[Decimal]:
    days = list(known)
    return [
        known[day] - max(ZERO, _expected({past: known[past] for past in days[:place]}, day))
        for place, day in enumerate(days)
        if place >= LEVEL_DAYS
    ]


def _likely(errors: Sequence[Decimal]) -> Decimal:
    """The size that four out of five errors have at most, the next one counted with those that are known."""
    count = len(errors)
    share = min(FOUR_OF_FIVE * (count + 1) - 1, Decimal(count - 1)) / (count - 1)
    return quantile(sorted(abs(error) for error in errors), share)


def _mean(values: Sequence[Decimal]) -> Decimal:
    return sum(values, ZERO) / len(values)
