"""What exclusions keep from beginning, and how much of any 90 days that is. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from provisioner.rollouts.windows import HORIZON, LONGEST_EXCLUSION, Exclusion, Window, next_opening

DEFERRAL_WITHIN = timedelta(days=90)  # tenants may take at most LONGEST_EXCLUSION out of so many days
BOUND = LONGEST_EXCLUSION

Span = tuple[datetime, datetime]


def taken(
    windows: Sequence[Window], own: Sequence[Exclusion], others: Sequence[Exclusion], since: datetime
) -> list[Span]:
    """Return from which first moment, at which an upgrade could begin but for `own`, up to which next one at which it can.

    What `others` shut is neither taken away by `own`, nor counted where it lies in between.
    """
    found: list[Span] = []
    for begin, end in merged((one.begin, one.end) for one in own if one.end > since):
        if found and end <= found[-1][1]:
            continue
        first = next_opening(windows, others, max(begin, since))
        if first is None or first.begin >= end:
            continue
        following = next_opening(windows, own, first.begin)
        found.append((first.begin, following.begin if following else first.begin + HORIZON))
    return without(found, ((one.begin, one.end) for one in others))


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order that neither overlap nor touch: what two of them take together is taken once."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def without(spans: Iterable[Span], gone: Iterable[Span]) -> list[Span]:
    """Return what is left of the spans where `gone` is cut out of them, in order."""
    cuts, found = merged(gone), list[Span]()
    for whole in merged(spans):
        begin, end = whole
        for first, last in cuts:
            if first < end and last > begin:
                if first > begin:
                    found.append((begin, first))
                begin = max(begin, last)
        if begin < end:
            found.append((begin, end))
    return found


def between(spans: Iterable[Span], begin: datetime | None = None, end: datetime | None = None) -> list[Span]:
    """Return what of the spans lies behind `begin` and before `end`."""
    cut = ((max(one, begin or one), min(two, end or two)) for one, two in spans)
    return [(one, two) for one, two in cut if one < two]


def most(spans: Iterable[Span]) -> timedelta:
    """Return how much any 90 days hold of the spans at most."""
    held = merged(spans)
    return max((_within(held, at) for at, _ in held), default=timedelta())


def exceeds(before: Iterable[Span], after: Iterable[Span]) -> bool:
    """Whether any 90 days would hold more than may be put off, and more than they did."""
    old, new = merged(before), merged(after)
    return any((much := _within(new, at)) > BOUND and much > _within(old, at) for at, _ in new)


def _within(held: Sequence[Span], at: datetime) -> timedelta:
    """Return how much the 90 days from a moment on hold."""
    until = at + DEFERRAL_WITHIN
    return sum(
        (min(end, until) - max(begin, at) for begin, end in held if end > at and begin < until),
        start=timedelta(),
    )
