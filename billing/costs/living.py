"""Who brings use to days to come: runtimes that live, and gone ones as far as others came for them. Pure.

A runtime that is made anew has its history under another name. Nobody is told by name who came for whom: what gone ones of an
account used on a day counts as far as those that live now were not there yet on it. So where the same is there as before, the
history is as if it had always been one; where less is there, or more, no more of what is gone counts than there is now.

What comes and goes is not always there to be seen. Where short-lived ones are a habit, all that they used counts, and of young
ones that live only what is more than that habit is taken for something new.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from billing.costs.months import ZERO, Life
from billing.usage.slots import DAY

HOUR, DAY_SECONDS = 3600, 86_400
WHOLE_DAY = DAY_SECONDS - HOUR  # its last hour may not have been added up yet
WEEK = 7
HABIT = 3  # so many short-lived ones, the last of them within a week, will be followed by more
TINY = Decimal("1e-12")  # what a second is worth where nothing has a price
Worths = Mapping[tuple[date, str], Decimal]  # what a runtime's day is worth


class _Day(NamedTuple):
    day: date
    seconds: int
    size: Decimal


Days = Mapping[str, Sequence[_Day]]  # of each runtime, in order


class Living(NamedTuple):
    """Who counts, by account; of others that are gone a share of each day."""

    alive: Mapping[str, str]
    habit: Mapping[str, str]  # gone, they stand for those to come
    last: Mapping[str, str]  # the account that had it last, of each runtime
    shares: Mapping[tuple[str, date], Decimal]  # of what an account's other gone ones used on a day, 0 to 1

    @property
    def accounts(self) -> set[str]:
        """Those to which days to come may bring something."""
        return {*self.alive.values(), *self.habit.values()}

    def share(self, runtime: str, day: date) -> Decimal:
        """Return how much of what a runtime used on a day counts, 0 to 1."""
        if runtime in self.alive or runtime in self.habit:
            return Decimal(1)
        return self.shares.get((self.last.get(runtime, ""), day), ZERO)


def living(lives: Iterable[Life], worths: Worths, *, today: date) -> Living:
    """Return who lived to the end of the last known day or lives today, and what of gone ones counts."""
    ordered = sorted(lives)
    since = {(life.runtime, life.account): life.day for life in reversed(ordered)}
    accounts: dict[str, str] = {}
    times: dict[date, Counter[str]] = defaultdict(Counter)
    # Of two accounts on one day the one it came to has it.
    for life in sorted(ordered, key=lambda life: (life.day, since[life.runtime, life.account])):
        times[life.day][life.runtime] += life.known.alive
        accounts[life.runtime] = life.account
    days: dict[str, list[_Day]] = defaultdict(list)
    for day in sorted(times):
        for runtime, seconds in times[day].items():
            size = worths.get((day, runtime), ZERO) + seconds * TINY
            days[runtime].append(_Day(day, seconds, size))
    alive = _alive(times, today)
    own: dict[str, dict[str, list[_Day]]] = defaultdict(dict)
    for runtime, account in accounts.items():
        own[account][runtime] = days[runtime]
    habit: dict[str, str] = {}
    shares: dict[tuple[str, date], Decimal] = {}
    for account, theirs in own.items():
        short = _habit(theirs, alive, first=min(times), today=today)
        habit |= dict.fromkeys(short, account)
        gone = _daily(days for name, days in theirs.items() if name not in alive and name not in short)
        missing = _missing(theirs, alive, short, today=today)
        shares |= {(account, day): min(Decimal(1), missing(day) / size) for day, size in gone.items() if size}
    return Living({name: accounts[name] for name in alive}, habit, accounts, shares)


def _habit(theirs: Days, alive: Set[str], *, first: date, today: date) -> set[str]:
    """Return which of an account's gone ones stand for others to come: short-lived, lately, of no size rare among them.

    Who was there on the first known day may be older than it seems.
    """
    rates = {
        name: _rate(days)
        for name, days in theirs.items()
        if name not in alive and days[0].day > first and _lived(days) <= WEEK * DAY_SECONDS
    }
    if len(rates) < HABIT:
        return set()
    usual = sorted(rates.values())[-HABIT]
    found = {name for name, rate in rates.items() if rate <= 2 * usual}
    latest = max(theirs[name][-1].day for name in found)
    return found if today - latest <= WEEK * DAY else set()


def _missing(theirs: Days, alive: Set[str], habit: Set[str], *, today: date) -> Callable[[date], Decimal]:
    """Return what those that live would have used more on a day, had they been there all day.

    Young ones, that may be of the habit, count as far as they are more than were there on a usual day of the last week.
    """
    lasting = {name: days for name, days in theirs.items() if name in alive}
    rates = {name: _rate(days) for name, days in lasting.items()}
    longest = max((_lived(theirs[name]) for name in habit), default=0)
    young = {name for name, days in lasting.items() if _lived(days) <= longest}
    lately = Counter(name for name in habit for day in theirs[name] if today - day.day <= WEEK * DAY)
    usual = sum((_rate(theirs[name]) * days for name, days in lately.items()), ZERO) / WEEK
    now = sum((rates[name] for name in young), ZERO)
    if now:
        rates |= {name: rates[name] * max(ZERO, 1 - usual / now) for name in young}
    there: dict[date, Decimal] = defaultdict(Decimal)
    for name, days in lasting.items():
        for day in days:
            there[day.day] += rates[name] * day.seconds
    whole = sum(rates.values(), ZERO) * DAY_SECONDS
    return lambda day: max(ZERO, whole - there[day])


def _daily(several: Iterable[Sequence[_Day]]) -> dict[date, Decimal]:
    """Return what several brought together, by day."""
    found: dict[date, Decimal] = defaultdict(Decimal)
    for days in several:
        for day in days:
            found[day.day] += day.size
    return found


def _lived(days: Sequence[_Day]) -> int:
    return sum(day.seconds for day in days)


def _rate(days: Sequence[_Day]) -> Decimal:
    """Return what a second brought on the best day of its last week: on a day off, or on its first, it may bring less."""
    return max(day.size / max(HOUR, day.seconds) for day in days if days[-1].day - day.day < WEEK * DAY)


def _alive(times: Mapping[date, Counter[str]], today: date) -> set[str]:
    """Who lived the day before and only a part of the last one was deleted on it; who lived a part of it alone was born on it."""
    found = set(times.get(today, ()))
    last = max((day for day in times if day < today), default=today)
    if last < today and not known_empty(last + DAY, today):
        before = times.get(last - DAY, ())
        found |= {name for name, time in times[last].items() if time >= WHOLE_DAY or name not in before}
    return found


def known_empty(day: date, today: date) -> bool:
    """Whether a day of which nothing is there had no use: the day after has been added up as well."""
    return day + 2 * DAY <= today
