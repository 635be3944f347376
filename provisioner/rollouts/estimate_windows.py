"""How windows hold up the many members of a stage that are not imagined one by one: as a stream that flows while they are open.

Pure. While anybody's window is open every place is taken, by those whose windows are open in proportion to how many they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, inf

from provisioner.rollouts.calendars import May, Party, always, fewer

MOST_PARTIES = 24  # that flow beside each other: of more, neighbours count as one
FARTHEST = 400 * 86_400.0  # seconds, beyond which nothing is looked for
A_TRICKLE = 1e-6


def streams(parties: Sequence[Party], members: int, scale: float, at: float) -> list[Party]:
    """Return these parties, those first who wait longest, and whoever is in none of them, counted at a scale.

    However few they are at that scale, one who waits longest is there.
    """
    counted, told = 0.0, 0
    found: list[Party] = []
    for party in sorted(parties, key=lambda one: one.may(at)[0], reverse=True):
        counted += party.members / scale
        mine = ceil(counted - A_TRICKLE) - told
        told += mine
        found += [Party(mine, party.may)] if mine else []
    return [*found, Party(max(0, members - told), always)]


def dealt(parties: Sequence[Party], members: int, scale: float, at: float) -> list[May | None]:
    """Return when each of so many members may begin, those first who wait least; None: at any time."""
    found = [party.may for party in streams(parties, members, scale, at) for _ in range(party.members)]
    return [None if may is always else may for may in reversed(found[:members])]


def flowed(parties: Sequence[Party], at: float, seconds_each: float, until: float) -> float:
    """Return when all of these `streams` are done, at so many seconds for each member while its windows are open.

    Whose window opens only behind `until`, or never, is left out: it is waited for until then.
    """
    told_apart = [*fewer(parties[:-1], MOST_PARTIES), *parties[-1:]]
    left_out, left = False, [(float(one.members), one.may) for one in told_apart if one.members]
    now = end = at
    while left and now < at + FARTHEST:
        spans = [may(now) for _, may in left]
        kept = [number for number, span in enumerate(spans) if span[0] <= max(now, until) and span[0] < inf]
        left_out = left_out or len(kept) < len(left)
        left, spans = [left[number] for number in kept], [spans[number] for number in kept]
        flowing = [number for number, span in enumerate(spans) if span[0] <= now]
        if not flowing:
            now = min((span[0] for span in spans), default=inf)
            continue
        shuts = min(span[1] if number in flowing else span[0] for number, span in enumerate(spans))
        needed = seconds_each * sum(left[number][0] for number in flowing)
        if now + needed <= shuts:
            now = end = now + needed
            left = [one for number, one in enumerate(left) if number not in flowing]
            continue
        stays = 1 - (shuts - now) / needed
        left = [(one[0] * stays if number in flowing else one[0], one[1]) for number, one in enumerate(left)]
        now = end = shuts
    return max(end, until) if left_out and until < inf else end
