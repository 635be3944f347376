"""How many rows a minute may hold of what was refused, counted in the cache: nobody fills the table, or hides others by it."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from django.core.cache import cache
from redis.exceptions import RedisError

from controlplane.kernel.networks import customer_of
from controlplane.tenants.access import Actor

MOST_OF_ONE = (
    30  # rows a minute of one tenant, of one of the platform's team, or of an address that shows nobody
)
MOST_OF_NOBODY = 100  # rows a minute of all addresses together that show nobody
MOST_ALONE = 60  # rows a minute of one process, while the cache is away
STEPS = frozenset({1, 10, 100, 1000, 10_000, 100_000})


def count_attempt(kind: str, actor: Actor) -> tuple[int, bool]:
    """Count one more attempt of this kind; return how many there were this minute when it deserves a row, else 0.

    And whether that row is the last that its budget has within the minute.
    """
    minute = int(time.time() // 60)
    try:
        count = _count(f"denied:{minute}:{_digest(kind)}")
        if count not in STEPS:
            return 0, False
        last = False
        for budget in _budgets(actor):
            taken = _count(f"denied:{minute}:of:{_digest(budget.key)}")
            if taken > budget.most:
                return 0, False
            last = last or taken == budget.most
        return count, last
    except RedisError:
        taken = _alone.count(minute)
        return int(taken <= MOST_ALONE), taken == MOST_ALONE


@dataclass(frozen=True)
class _Budget:
    """So many rows a minute share one key."""

    key: str
    most: int


def _budgets(actor: Actor) -> list[_Budget]:
    """Return which budgets a row is taken from, the narrowest first: who has used up one takes nothing from the next."""
    if actor.tenant_id:
        return [_Budget(f"tenant {actor.tenant_id}", MOST_OF_ONE)]
    if actor.user_id or actor.token_id:
        return [_Budget(f"actor {actor.name}", MOST_OF_ONE)]
    return [_Budget(f"address {customer_of(actor.address)}", MOST_OF_ONE), _Budget("nobody", MOST_OF_NOBODY)]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def _count(key: str) -> int:
    cache.add(key, 0, 120)
    try:
        return int(cache.incr(key))
    except ValueError:  # forgotten between the two calls
        return 1


class _Alone:
    """Counts within this process."""

    def __init__(self) -> None:
        self._minute = self._counted = 0

    def count(self, minute: int) -> int:
        if minute != self._minute:
            self._minute, self._counted = minute, 0
        self._counted += 1
        return self._counted


_alone = _Alone()
