"""Keeps what is dear to make, under a name that holds everything it was made of; nothing kept is ever out of date."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from typing import TypeVar

from django.core.cache import cache
from redis.exceptions import RedisError

from billing.pricing.types import ENGINE_VERSION

Made = TypeVar("Made")
KEPT_SECONDS = 6 * 3600
FORM = 5  # raised whenever what is kept looks or is made otherwise
log = logging.getLogger(__name__)


def digest_of(*parts: object) -> str:
    """Return 32 letters that stand for what these are written as."""
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        found.update(repr(part).encode())
    return found.hexdigest()


def kept(name: str, digest: str, make: Callable[[], Made]) -> Made:
    """Return what was made of the same before, or make it; without the cache everything is made anew."""
    key = f"costs:{FORM}:{ENGINE_VERSION}:{name}:{digest}"
    try:
        found: Made | None = cache.get(key)
    except RedisError as fault:
        log.warning("costs are not read from the cache: %s", fault)
        return make()
    if found is None:
        found = make()
        try:
            cache.set(key, found, KEPT_SECONDS)
        except RedisError as fault:
            log.warning("costs are not kept in the cache: %s", fault)
    return found
