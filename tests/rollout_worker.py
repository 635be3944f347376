"""A real Celery worker and beat whose upgrades do nothing but take a moment: for what only killed processes show.

Start it with `celery -A tests.rollout_worker worker`. Each upgrade leaves a line when it works and when it is done.
"""

from __future__ import annotations

import time
from datetime import timedelta

from provisioner.flows.base import Flow
from provisioner.operations import flowbook
from provisioner.steps.base import Done, Outcome, Step, StepContext
from tests.engine_worker import FLOW, app, note

__all__ = ["app"]

SECONDS = 0.05


def work(context: StepContext) -> Outcome:
    """Work, and leave a line."""
    note(context, "upgrade", "begins")
    time.sleep(SECONDS)
    note(context, "upgrade", "done")
    return Done()


UPGRADE = Step(name="upgrade", title="upgrade", run=work, calls_landscape=False, max_attempts=5)
flowbook.install(
    {"provision": FLOW, "update": FLOW, "deprovision": FLOW, "upgrade": Flow((UPGRADE,), timedelta(hours=1))}
)
