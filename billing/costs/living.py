"""Who brings use to days to come: runtimes that live, and gone ones in whose place others came. Pure.

A runtime that is made anew has its history under another name. Who took whose place is told by the days of an end and of a birth
in one account, one for one, and goes on from each to the next: what they all used counts as long as the last of them lives. One
that ended for good, in this account or another, is nobody's history.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from billing.costs.months import Life
from billing.usage.slots import DAY

WHOLE_DAY = 86_400 - 3600  # its last hour may not have been added up yet
FOLLOWED_DAYS = 7
HABIT = 3  # so many, one after the other, will be followed by one more


class Living(NamedTuple):
    """Runtimes by the account that had them last."""

    alive: Mapping[str, str]
    replaced: Mapping[str, str]  # gone, they stand for those that came or will come

    @property
    def counted(self) -> dict[str, str]:
        """Both."""
        return {**self.alive, **self.replaced}


class _Stay(NamedTuple):
    """A runtime's last and first day, as far as is known."""

    ended: date
    born: date
    runtime: str
    account: str

    @property
    def days(self) -> int:
        """How many days it was there on, the first and the last in it."""
        return (self.ended - self.born).days + 1


def living(lives: Iterable[Life], *, today: date) -> Living:
    """Return who lived to the end of the last known day or lives today, and in whose place others came."""
    ordered = sorted(lives)
    since = {(life.runtime, life.account): life.day for life in reversed(ordered)}
    stays: dict[str, _Stay] = {}
    times: dict[date, Counter[str]] = defaultdict(Counter)
    # Of two accounts on one day the one it came to has it.
    for life in sorted(ordered, key=lambda life: (life.day, since[life.runtime, life.account])):
        times[life.day][life.runtime] += life.known.alive
        born = stays[life.runtime].born if life.runtime in stays else life.day
        stays[life.runtime] = _Stay(life.day, born, life.runtime, life.account)
    alive = _alive(times, today)
    replaced = _replaced(stays, alive, today)
    return Living(
        {name: stays[name].account for name in alive}, {name: stays[name].account for name in replaced}
    )


def _alive(times: Mapping[date, Counter[str]], today: date) -> set[str]:
    """Who lived the day before and only a part of the last one was deleted on it; who lived a part of it alone was born on it."""
    found = set(times.get(today, ()))
    last = max((day for day in times if day < today), default=today)
    if last < today and not known_empty(last + DAY, today):
        before = times.get(last - DAY, ())
        found |= {name for name, time in times[last].items() if time >= WHOLE_DAY or name not in before}
    return found


def _replaced(stays: Mapping[str, _Stay], alive: set[str], today: date) -> set[str]:
    """Return who is gone of rows, one after the other, of which the last one lives, or ended lately and was one of many."""
    gone = sorted((stay for name, stay in stays.items() if name not in alive), reverse=True)
    followers = _followers(gone, stays, alive, today)
    rows: Counter[str] = Counter()  # how many there were in a row, up to this one
    for stay in reversed(gone):
        rows[stay.runtime] += 1
        if stay.runtime in followers:
            rows[followers[stay.runtime]] = rows[stay.runtime]
    found: set[str] = set()
    for stay in gone:
        follower = followers.get(stay.runtime)
        if follower is None:
            goes_on = rows[stay.runtime] >= HABIT and today - stay.ended <= FOLLOWED_DAYS * DAY
        else:
            goes_on = follower in alive or follower in found
        if goes_on:
            found.add(stay.runtime)
    return found


def _followers(
    gone: Iterable[_Stay], stays: Mapping[str, _Stay], alive: set[str], today: date
) -> dict[str, str]:
    """Return who took whose place: born from the day before an end to a week after it, outlived that one and is of its kind.

    Who lived more than twice as long as others comes before them: what comes and goes beside it must not take its heir. Else the
    latest that is gone comes first, and of two that ended together the younger: so one that ends takes no place in others' row.
    """
    earliest = min(
        (stay.born for stay in stays.values()), default=date.min
    )  # who was there then may be older
    free: dict[str, list[_Stay]] = defaultdict(list)
    for stay in sorted(stays.values(), key=lambda stay: (stay.born, stay)):
        if stay.born > earliest:
            free[stay.account].append(stay)
    by_days: dict[str, list[_Stay]] = defaultdict(list)
    for stay in sorted(gone, key=lambda stay: (stay.days, stay)):
        if stay.born > earliest:
            by_days[stay.account].append(stay)
    followers: dict[str, str] = {}
    for one in sorted(gone, key=lambda stay: (_shorter(stay, by_days[stay.account]), stay), reverse=True):
        born = free[one.account]
        latest = bisect_right(born, one.ended + FOLLOWED_DAYS * DAY, key=lambda stay: stay.born)
        for place in range(latest - 1, -1, -1):
            other = born[place]
            if other.born < one.ended - DAY:
                break
            if other.runtime in alive:
                fits = _stays(other, one, by_days[one.account], today)
            else:
                fits = other.ended > one.ended and one.days <= 2 * other.days <= 4 * one.days
            if fits:
                followers[one.runtime] = born.pop(place).runtime
                break
    _take_in_trials(gone, followers, stays, alive, by_days)
    return followers


def _take_in_trials(
    gone: Iterable[_Stay],
    followers: dict[str, str],
    stays: Mapping[str, _Stay],
    alive: set[str],
    by_days: Mapping[str, Sequence[_Stay]],
) -> None:
    """Let one that was soon replaced again be of the row of the one before it: where short-lived ones are no habit, it stood in.

    It is between an end and the birth of the heir; or it is what one without an heir was replaced by, and its own row lives.
    """
    taken = set(followers.values())
    for one in gone:
        number = _shorter(one, by_days[one.account])
        if not 0 < number < HABIT:
            continue
        heir, last = followers.get(one.runtime), one
        has_living_heir = _end_of(one.runtime, followers) in alive
        for trial in sorted(by_days[one.account][:number], key=lambda stay: (stay.born, stay)):
            is_late = trial.ended <= last.ended or trial.born > one.ended + FOLLOWED_DAYS * DAY
            if is_late or trial.runtime in taken:
                continue
            end = _end_of(trial.runtime, followers)
            if heir is None:
                if trial.born >= one.ended - DAY and end in alive:
                    followers[one.runtime] = trial.runtime
                    taken.add(trial.runtime)
                    break
            elif last.ended <= trial.born and stays[end].ended <= stays[heir].born and has_living_heir:
                followers[last.runtime], followers[end] = trial.runtime, heir
                taken.add(trial.runtime)
                last = stays[end]


def _end_of(runtime: str, followers: Mapping[str, str]) -> str:
    """Return the last one of its row."""
    while runtime in followers:
        runtime = followers[runtime]
    return runtime


def _stays(newcomer: _Stay, one: _Stay, by_days: Sequence[_Stay], today: date) -> bool:
    """Whether one that lives has come to stay as long as another did: it is no more one of the short-lived ones of its account.

    These are a habit of gone ones that lived longer than it did so far, and less than half as long as the other.
    """
    days = (min(newcomer.ended, today - DAY) - newcomer.born).days + 1
    if 2 * days >= one.days:
        return True
    outlived = days if days > 1 else 0  # one born on the last known day may be gone as well
    return _shorter(one, by_days) - bisect_right(by_days, outlived, key=_days) < HABIT


def _shorter(one: _Stay, by_days: Sequence[_Stay]) -> int:
    """How many lived less than half as long."""
    return bisect_left(by_days, one.days / 2, key=_days)


def _days(stay: _Stay) -> int:
    return stay.days


def known_empty(day: date, today: date) -> bool:
    """Whether a day of which nothing is there had no use: the day after has been added up as well."""
    return day + 2 * DAY <= today
