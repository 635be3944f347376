"""Lets Python look for objects that point at one another in circles later: among many rows that point in none it takes long."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Do what makes many rows without a look for circles among them; whatever is let go is freed as ever."""
    looks = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looks:
            gc.enable()
