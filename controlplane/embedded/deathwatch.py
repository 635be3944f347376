"""On Linux, the kernel ends a child whose supervisor was killed without a chance to do so."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def dies_with_us(signal_number: int) -> Callable[[], None] | None:
    """Return what a child runs before exec to get that signal when we die; None where no kernel offers it.

    It runs after the child changed its user: changing it would clear the setting. The kernel watches the
    thread that started the child, so start children from the main thread.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # loaded here: after the fork, nothing may take a lock
    parent = os.getpid()

    def before_exec() -> None:
        prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
        if os.getppid() != parent:  # it died in between
            os._exit(1)

    return before_exec
