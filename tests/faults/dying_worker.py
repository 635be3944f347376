"""Real workers that die by SIGKILL exactly where they are told to, each replaced at once; the product has no hook for it.

Run it as `python -m tests.faults.dying_worker`. A file in the folder DEATHS that bears an operation's id says behind which step
and at which place its worker dies; whoever gets there takes the file away first, so that nobody dies there twice. A worker is one
process here (Celery's solo pool), so nothing of it outlives the kill, and no other operation is in its hand.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import django

WORKERS = 3
UNWRITTEN = "unwritten"  # the step is done and its driver's call has returned, the outcome is not written
WRITTEN = "written"  # the outcome is written, the next step has not begun
PLACES = (UNWRITTEN, WRITTEN)


@dataclass
class Hand:
    """What the driver was called for since the last outcome was written, and where to die."""

    deaths: Path
    calls: list[str] = field(default_factory=list)

    def at(self, place: str, held: Any) -> None:
        """Die here, if a file says so."""
        plan = self.deaths / str(held.id)
        if plan.exists() and plan.read_text() == f"{held.step} {place}":
            plan.write_text(" ".join(self.calls))
            plan.rename(plan.with_suffix(".died"))
            os.kill(os.getpid(), signal.SIGKILL)


class NotedDriver:
    """A driver whose calls are noted once they return."""

    def __init__(self, driver: Any, hand: Hand) -> None:
        self._driver = driver
        self._hand = hand

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._driver, name)

        def called(*arguments: Any, **named: Any) -> Any:
            answer = call(*arguments, **named)
            self._hand.calls.append(name)
            return answer

        return called


def arm(hand: Hand) -> None:
    """Wrap the driver and the ledger of this process."""
    from provisioner.drivers import registry
    from provisioner.drivers.kube.client import kubernetes_client
    from provisioner.operations import ledger

    kubernetes_client()  # here, once: a first step that had to wait for it would be late on a busy machine

    def deadly(write: Callable[..., Any]) -> Callable[..., Any]:
        def written(held: Any, change: Any) -> Any:
            if change.step_done:
                hand.at(UNWRITTEN, held)
            result = write(held, change)
            hand.calls.clear()
            if change.step_done and result is not None:
                hand.at(WRITTEN, held)
            return result

        return written

    connect = registry.connect
    registry.connect = lambda **which: NotedDriver(connect(**which), hand)
    ledger.checkpoint, ledger.close = deadly(ledger.checkpoint), deadly(ledger.close)


def main() -> None:
    """Keep some workers running until killed; one that ends in any other way than by SIGKILL ends all."""
    django.setup()
    from controlplane.config.celery import app

    arm(Hand(Path(os.environ["DEATHS"])))
    running: set[int] = set()
    for number in itertools.count(1):
        pid = os.fork()  # what was imported once serves every worker: a fresh one is there in an instant
        if not pid:
            options = ["--pool", "solo", "--without-gossip", "--without-mingle", "--loglevel", "INFO"]
            app.worker_main(["worker", *options, "--hostname", f"{number}@dying"])
            os._exit(1)
        running.add(pid)
        if len(running) == WORKERS:
            ended, status = os.wait()
            running.remove(ended)
            if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
                sys.exit(f"a worker ended with {status}")


if __name__ == "__main__":
    main()
