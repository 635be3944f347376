"""Workers of a benchmark, processes of their own, that begin at the same moment."""

from __future__ import annotations

from typing import Any

_together: list[Any] = []


def begin_working(together: Any) -> None:
    """Make a new process a worker with a connection of its own; `together` is a Barrier of all of them."""
    import django

    from controlplane.kernel.collecting import look_seldom

    django.setup()
    look_seldom()
    _together.append(together)


def wait_for_others() -> None:
    """Return once every worker has come here."""
    _together[0].wait()
