"""Counts failed sign-ins, so that a password can't be guessed by trying.

The count lies in the cache. A cache that is away must not lock everybody out, so nothing is counted then.
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

ALLOWED = 10
REMEMBERED = timedelta(minutes=5)


def too_many(username: str, address: str) -> bool:
    """Whether this name was tried too often from this address lately."""
    count: int = 0
    with _tolerant():
        count = cache.get(_key(username, address), 0)
    return count >= ALLOWED


def failed(username: str, address: str) -> None:
    """Count one failure."""
    key = _key(username, address)
    with _tolerant():
        cache.add(key, 0, REMEMBERED.total_seconds())
        try:
            cache.incr(key)
        except ValueError:  # forgotten between the two calls
            cache.set(key, 1, REMEMBERED.total_seconds())


def forget(username: str, address: str) -> None:
    """Start anew after a success."""
    with _tolerant():
        cache.delete(_key(username, address))


def _key(username: str, address: str) -> str:
    digest = hashlib.sha256(f"{username.lower()}|{address}".encode(errors="replace")).hexdigest()
    return f"sign-in-failures:{digest}"


@contextmanager
def _tolerant() -> Iterator[None]:
    try:
        yield
    except RedisError as fault:
        log.warning("cache_away", reason=str(fault), consequence="failed sign-ins are not counted")
