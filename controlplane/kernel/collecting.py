"""When Python looks for objects that point at one another in circles: among many that point in none it takes long."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Young objects that are made until the first look at them (Python's own: 700, or 2,000 from 3.12 on), and such looks until a
# look at the middle-aged. A request or a step makes a few thousand, and lets nearly all of them go without being looked at.
YOUNG, LOOKS = 20_000, 20


def look_seldom() -> None:
    """Leave what a process has loaded before its work out of all later looks, and look at young objects less often.

    Call it before a fork: the children then share the memory of what nobody touches any more.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, LOOKS)


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
