"""How busy a cluster is: by time of day, day of the week, years of growth, and by what kind of cluster it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from provisioner.simulator.gardener.status import fraction

DAY = 86400
WEEK_DAYS = 7
FIRST_SATURDAY = 2  # 1970-01-03 was one
SLOT_SECONDS = 30  # how long a measured figure stands
BASE_DAY = 20_600  # 2026-05-27: growth is counted from here
LEAST, MOST = 0.15, 2.5
_IDLE, _HUNGRY = 0.08, 0.15


@dataclass(frozen=True, slots=True)
class Habit:
    """What never changes of a cluster's days; `appetite` is use over what the apps think they need."""

    swing: float
    noon: float  # when it is busiest, as a part of the day
    weekend: float
    growth: float  # a year
    appetite: float
    filled: float  # of what the simulator is told to fill clusters with


@lru_cache(maxsize=20_000)
def habit(seed: int, identity: str) -> Habit:
    """Return a cluster's habit: few are idle, few use more than they ask for."""
    luck = fraction(seed, identity, "kind")
    idle, hungry = luck < _IDLE, _IDLE <= luck < _HUNGRY
    return Habit(
        swing=0.15 + 0.35 * fraction(seed, identity, "swing"),
        noon=0.45 + 0.25 * fraction(seed, identity, "noon"),
        weekend=0.6 + 0.4 * fraction(seed, identity, "weekend"),
        growth=-0.1 + 0.6 * fraction(seed, identity, "growth"),
        appetite=1.9 if hungry else 0.7 + 0.6 * fraction(seed, identity, "appetite"),
        filled=0.04 if idle else 0.5 + fraction(seed, identity, "filled"),
    )


def demand(seed: int, identity: str, at: float) -> float:
    """Return how much is going on, about 1 on average; the same for everyone who asks."""
    own = habit(seed, identity)
    day = int(at // DAY)
    wave = 1 + own.swing * math.cos(2 * math.pi * (at % DAY / DAY - own.noon))
    rest = own.weekend if (day - FIRST_SATURDAY) % WEEK_DAYS < 2 else 1.0  # noqa: PLR2004 - days of a weekend
    grown = 1 + own.growth * (at / DAY - BASE_DAY) / 365
    return min(max(wave * rest * grown, LEAST), MOST)


def load(seed: int, identity: str, at: float) -> float:
    """Return the demand with the little noise of half a minute."""
    slot = int(at) // SLOT_SECONDS
    return demand(seed, identity, at) * (0.94 + 0.12 * fraction(seed, identity, slot))
