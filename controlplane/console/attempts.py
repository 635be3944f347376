"""Counts failed sign-ins, so that a password can't be guessed by trying.

Three counts, each for the name as it was typed, whether or not somebody has it: a name from one address, all names from one
address, and a name from everywhere. The last one only slows down, longer with every failure up to five minutes, and never
where that name has signed in from before: nobody can keep a person out by failing in their name.

The counts lie in the cache. A cache that is away must not lock everybody out, so nothing is counted then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from django.core.cache import cache
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

ALLOWED = 10  # of one name from one address
ALLOWED_FROM_ADDRESS = 100  # of all names: an office may share one address
ALLOWED_OF_NAME = 20  # from everywhere, before it slows down
REMEMBERED = timedelta(minutes=5)
REMEMBERED_OF_NAME = timedelta(days=1)
LONGEST_PAUSE = timedelta(minutes=5)
KNOWN = timedelta(days=30)


def too_many(username: str, address: str) -> bool:
    """Whether the next attempt has to wait; five minutes are enough in every case."""
    pair, place, name = _keys(username, address)
    with _tolerant():
        found = cache.get_many([pair, place, f"{name}:pause", f"{pair}:known"])
        slowed = f"{name}:pause" in found and f"{pair}:known" not in found
        return slowed or found.get(pair, 0) >= ALLOWED or found.get(place, 0) >= ALLOWED_FROM_ADDRESS
    return False


def failed(username: str, address: str) -> None:
    """Count one failure."""
    pair, place, name = _keys(username, address)
    with _tolerant():
        _count(pair, REMEMBERED)
        _count(place, REMEMBERED)
        over = _count(name, REMEMBERED_OF_NAME) - ALLOWED_OF_NAME
        if over >= 0:
            seconds = min(2 ** min(over, 16), LONGEST_PAUSE.total_seconds())
            cache.set(f"{name}:pause", 1, seconds)


def succeeded(username: str, address: str) -> None:
    """Start anew with this name at this address, and know it again."""
    pair, _, _ = _keys(username, address)
    with _tolerant():
        cache.delete(pair)
        cache.set(f"{pair}:known", 1, KNOWN.total_seconds())


def _count(key: str, remembered: timedelta) -> int:
    cache.add(key, 0, remembered.total_seconds())
    try:
        return int(cache.incr(key))
    except ValueError:  # forgotten between the two calls
        cache.set(key, 1, remembered.total_seconds())
        return 1


def _keys(username: str, address: str) -> tuple[str, str, str]:
    name = username.lower()
    parts = (f"pair|{name}|{address}", f"address|{address}", f"name|{name}")
    digests = [hashlib.sha256(part.encode(errors="replace")).hexdigest() for part in parts]
    return f"sign-in:{digests[0]}", f"sign-in:{digests[1]}", f"sign-in:{digests[2]}"


@contextmanager
def _tolerant() -> Iterator[None]:
    try:
        yield
    except RedisError as fault:
        log.warning("cache_away", reason=str(fault), consequence="failed sign-ins are not counted")
