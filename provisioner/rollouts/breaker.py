"""Whether upgraded runtimes turn unhealthy more often than those that are not yet upgraded. Pure.

The test is Fisher's exact one, one-sided (R. A. Fisher, The Design of Experiments, 1935, §§5-12; A. Agresti, Categorical Data
Analysis, 3rd ed. 2013, §3.5): given how many of all turned unhealthy, how likely is it that so many of them or more are upgraded
ones by chance? A provider's bad day falls on both groups and stays likely; a bad release falls on one.

It is looked at again and again, which alone would raise false alarms. The k-th look, taken only when the number of unhealthy
upgraded runtimes reaches a new height, may spend ALPHA / (k (k + 1)): these sum to ALPHA, so by Boole's inequality the chance of
any false alarm in a rollout's life is at most ALPHA, however long it lasts.

Without enough left to compare with, the rate of the last good comparison stands in, by the exact binomial tail
(C. J. Clopper and E. S. Pearson, Biometrika 26, 1934).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, lgamma, log

ALPHA = 0.05
FEWEST_UNHEALTHY = 3  # one or two are an incident, not a pattern
FEWEST_TO_COMPARE = 20
LEAST_RATE = 0.01  # of runtimes that turn unhealthy by themselves, where nobody knows better


@dataclass(frozen=True)
class Cohort:
    """How many were healthy before, and how many of these are not now."""

    members: int
    unhealthy: int

    @property
    def rate(self) -> float:
        """The share that turned unhealthy, 0 to 1."""
        return self.unhealthy / self.members if self.members else 0.0


@dataclass(frozen=True)
class Memory:
    """What earlier looks left."""

    looks: int = 0
    height: int = 0  # most unhealthy upgraded runtimes seen so far
    control_rate: float | None = None  # of the last comparison with enough of them


@dataclass(frozen=True)
class Finding:
    """What a look came to."""

    trips: bool
    memory: Memory
    probability: float | None = None  # of so many by chance; None: nothing new to test
    reason: str = ""


def look(upgraded: Cohort, control: Cohort, memory: Memory) -> Finding:
    """Compare both groups; the finding's memory goes into the next look."""
    enough = control.members >= FEWEST_TO_COMPARE
    rate = control.rate if enough else memory.control_rate
    if upgraded.unhealthy < FEWEST_UNHEALTHY or upgraded.unhealthy <= memory.height:
        return Finding(trips=False, memory=Memory(memory.looks, memory.height, rate))
    looks = memory.looks + 1
    if enough:
        chance = fisher_tail(upgraded, control)
    else:
        chance = binomial_tail(upgraded.members, upgraded.unhealthy, max(rate or 0.0, LEAST_RATE))
    remembered = Memory(looks, upgraded.unhealthy, rate)
    if chance > ALPHA / (looks * (looks + 1)):
        return Finding(trips=False, memory=remembered, probability=chance)
    others = (
        f"{control.unhealthy} of {control.members} not yet upgraded"
        if enough
        else f"{(rate or 0):.1%} before"
    )
    reason = (
        f"{upgraded.unhealthy} of {upgraded.members} upgraded runtimes turned unhealthy, against {others} "
        f"(chance {chance:.2g})."
    )
    return Finding(trips=True, memory=remembered, probability=chance, reason=reason)


def fisher_tail(upgraded: Cohort, control: Cohort) -> float:
    """Return the chance that at least so many of all unhealthy ones are upgraded ones: a tail of the hypergeometric."""
    total = upgraded.members + control.members
    unhealthy = upgraded.unhealthy + control.unhealthy
    most = min(upgraded.members, unhealthy)
    ways = _log_choose(total, unhealthy)
    tail = sum(
        exp(_log_choose(upgraded.members, k) + _log_choose(control.members, unhealthy - k) - ways)
        for k in range(upgraded.unhealthy, most + 1)
        if unhealthy - k <= control.members
    )
    return min(1.0, tail)


def binomial_tail(members: int, unhealthy: int, rate: float) -> float:
    """Return the chance of at least so many of these members at that rate."""
    if rate >= 1:
        return 1.0
    tail = sum(
        exp(_log_choose(members, k) + k * log(rate) + (members - k) * log(1 - rate))
        for k in range(unhealthy, members + 1)
    )
    return min(1.0, tail)


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
