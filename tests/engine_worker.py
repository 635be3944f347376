"""A real Celery worker whose flows do nothing, or die, hang and count as told: for faults and benchmarks.

Start it with `celery -A tests.engine_worker worker`. Steps leave a line each in the file that STEP_LOG names; a step called
`kill_<n>` kills its process the first n times, `hang` stops it once (SIGSTOP), `slow` takes half a second.
"""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

from controlplane.config.celery import app
from provisioner.drivers import registry
from provisioner.flows.base import Flow
from provisioner.operations import flowbook
from provisioner.steps.base import Done, Outcome, Step, StepContext

__all__ = ["app"]

NAMES = os.environ.get("ENGINE_STEPS", "one,two,three,four,five").split(",")
LOG = Path(os.environ["STEP_LOG"]) if os.environ.get("STEP_LOG") else None


def note(context: StepContext, name: str, what: str) -> None:
    """Append one line in one write: processes share the file."""
    if LOG is not None:
        line = f"{context.operation_id} {name} {context.fence} {context.attempt} {what}\n"
        with LOG.open("ab", buffering=0) as log:
            log.write(line.encode())


def step(name: str) -> Step:
    """A step that does what its name says."""

    def run(context: StepContext) -> Outcome:
        note(context, name, "begins")
        if name.startswith("kill_") and context.attempt <= int(name.removeprefix("kill_")):
            os.kill(os.getpid(), signal.SIGKILL)
        if name == "hang" and context.attempt == 1:
            os.kill(os.getpid(), signal.SIGSTOP)
        if name == "slow":
            time.sleep(0.5)
        note(context, name, "ends")
        return Done()

    return Step(name=name, title=name, run=run, calls_landscape=False, max_attempts=3)


FLOW = Flow(steps=tuple(step(name) for name in NAMES), deadline=timedelta(hours=1))
flowbook.install({"provision": FLOW, "update": FLOW, "deprovision": FLOW})
registry.connect = lambda **_: None  # type: ignore[assignment]
# The other clocks' work would only stand in the way of the few workers here.
app.conf.beat_schedule = {name: app.conf.beat_schedule[name] for name in ("sweep", "rollouts")}


@app.task(name="bench.bare", ignore_result=True)
def bare(_operation_id: str) -> None:
    """Do nothing: what a message costs."""
