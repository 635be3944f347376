"""A collector that is killed, as by a power cut, at the line of its own or of the usage store's that `DIES_AT` counts to."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

ROOMS = ("/billing/collecting/", "/billing/usage/")


def main() -> None:
    """Set everything up, then count lines; imports and set-up don't."""
    import django

    django.setup()
    from django.core.management import call_command

    from billing.collecting.management.commands import collector
    from billing.usage import ingest  # noqa: F401 - imported before lines count

    left = [int(os.environ["DIES_AT"])]

    def line(frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line":
            left[0] -= 1
            if left[0] <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return line

    def call(frame: FrameType, _event: str, _argument: Any) -> Any:
        return line if any(room in frame.f_code.co_filename for room in ROOMS) else None

    threading.settrace(call)
    sys.settrace(call)
    call_command(collector.Command())


if __name__ == "__main__":
    main()
