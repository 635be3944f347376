"""Identifiers: sortable by creation, and safe to show."""

from __future__ import annotations

import os
import secrets
import time
from uuid import UUID

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def uuid7() -> UUID:
    """Return a version 7 UUID (RFC 9562 §5.7): 48 bits of Unix milliseconds, 12 of their fraction (§6.2, method 3), randomness.

    So what one process makes within a millisecond is in its order, too, as with PostgreSQL's own `uuidv7()`.
    """
    millisecond, rest = divmod(time.time_ns(), 1_000_000)
    value = millisecond << 80 | 0x7 << 76 | (rest * 4096 // 1_000_000) << 64 | int.from_bytes(os.urandom(8))
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def short_name(length: int = 7) -> str:
    """Return a random lower-case name that starts with a letter, without look-alike characters."""
    return secrets.choice(_ALPHABET[:23]) + "".join(secrets.choice(_ALPHABET) for _ in range(length - 1))


def parse_uuid(text: str) -> UUID | None:
    """Return the UUID that `text` spells, or None: a malformed id names nothing."""
    try:
        return UUID(text)
    except (ValueError, AttributeError, TypeError):
        return None
