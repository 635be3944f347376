"""How many files and connections a process of the stack may have open."""

from __future__ import annotations

import resource
from contextlib import suppress

# The simulator holds a connection per watch and per reader of a cluster. macOS gives a shell 256, Linux 1,024.
WANTED = 8192


def allow_many() -> None:
    """Raise our limit, which children inherit, as far as the system lets us; never lower it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= WANTED:
        return
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    with suppress(
        ValueError, OSError
    ):  # macOS has a bound of its own beside the hard limit: kern.maxfilesperproc
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
