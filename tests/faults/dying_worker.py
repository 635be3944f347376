"""Real workers that die by SIGKILL exactly where they are told to, each replaced at once; the product has no hook for it.

Run it as `python -m tests.faults.dying_worker`. A file in the folder DEATHS that bears an operation's id says behind which steps
and at which places its worker dies, a line each; whoever gets there takes the line away first, so that nobody dies there twice. A
worker is one process here (Celery's solo pool), so nothing of it outlives the kill, and no other operation is in its hand.

Leases are long, for a busy machine's sake, and end once their worker is buried: what heals is the sweep, which finds them ended.
`test_engine_survives` has some that end by themselves.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import django
import psycopg

WORKERS = 3
UNWRITTEN = "unwritten"  # the step is done and its driver's call has returned, the outcome is not written
WRITTEN = "written"  # the outcome is written, the next step has not begun
PLACES = (UNWRITTEN, WRITTEN)
DIED = (
    ".died"  # ends the name of the file that says where workers died, and what their drivers were called for
)
SOON = timedelta(seconds=1)  # instead of the five that modules are given to start


@dataclass
class Hand:
    """What the driver was called for since the last outcome was written, and where to die."""

    deaths: Path
    calls: list[str] = field(default_factory=list)

    def at(self, place: str, held: Any) -> None:
        """Die here, if a file says so."""
        plan = self.deaths / str(held.id)
        if not plan.exists():
            return
        here, lines = f"{held.step} {place}", plan.read_text().splitlines()
        if here not in lines:
            return
        plan.write_text("\n".join(line for line in lines if line != here))
        with plan.with_suffix(DIED).open("a") as died:
            died.write(" ".join([here, *self.calls]) + "\n")
        os.kill(os.getpid(), signal.SIGKILL)


class Noted:
    """A driver, or a runtime's own API, whose calls are noted once they return."""

    def __init__(self, real: Any, hand: Hand) -> None:
        self._real = real
        self._hand = hand

    @contextmanager
    def inside(self, *arguments: Any, **named: Any) -> Iterator[Any]:
        """Open a runtime's own API, which one step may hand on to the next."""
        with self._real.inside(*arguments, **named) as api:
            yield Noted(api, self._hand)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._real, name)

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
    noted: Any = Noted
    registry.connect = lambda **which: noted(connect(**which), hand)
    ledger.checkpoint, ledger.close = deadly(ledger.checkpoint), deadly(ledger.close)
    ledger.settle = deadly(ledger.settle)


def warm() -> None:
    """Import all that a worker needs before the first is forked: two seconds of a processor each otherwise."""
    from django.core import checks

    from controlplane.config.celery import app
    from controlplane.config.starting import load_before_forking

    for name in (
        "celery.apps.worker",
        "celery.bin.worker",
        "celery.concurrency.solo",
        "kombu.transport.redis",
    ):
        import_module(name)
    app.loader.import_default_modules()
    app.finalize()
    checks.run_checks()
    load_before_forking()  # every worker does so too, and then looks through nothing of this for circles


def hasten() -> None:
    """Let steps look again soon at what takes no time here."""
    from provisioner.operations import flowbook
    from provisioner.steps import await_modules, verify_upgrade
    from provisioner.steps.base import Step

    def soon(step: Step) -> Step:
        starting = step.name == await_modules.step.name and step.first_wait
        return replace(step, first_wait=replace(starting, delay=SOON)) if starting else step

    await_modules.LOOK_AGAIN = verify_upgrade.LOOK_AGAIN = SOON
    flowbook.install(
        {
            kind: replace(flow, steps=tuple(soon(step) for step in flow.steps))
            for kind, flow in flowbook.all_flows().items()
        }
    )


@dataclass
class Undertaker:
    """Ends the lease of every operation whose worker died, once for each death."""

    deaths: Path
    buried: dict[Path, int] = field(default_factory=dict)

    def bury(self) -> None:
        """Look which deaths are new; nobody else can hold an operation before its lease ends."""
        for note in self.deaths.glob(f"*{DIED}"):
            died = len(note.read_text().splitlines())
            if died > self.buried.get(note, 0):
                self.buried[note] = died
                with psycopg.connect(
                    os.environ["DATABASE_URL"]
                ) as link:  # of its own: forks share what is open
                    link.execute(
                        "UPDATE operations_operation SET lease_until = now() WHERE id = %s AND lease_until > now()",
                        [note.stem],
                    )


def main() -> None:
    """Keep some workers running until killed; one that ends in any other way than by SIGKILL ends all."""
    django.setup()
    from controlplane.config.celery import app

    deaths = Path(os.environ["DEATHS"])
    arm(Hand(deaths))
    hasten()
    warm()
    undertaker = Undertaker(deaths)
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
            undertaker.bury()


if __name__ == "__main__":
    main()
