"""When a trial's time runs: not before its runtime is ready, and not while it failed before it was whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from controlplane.kernel.errors import Refused
from controlplane.trials.models import Trial
from controlplane.trials.states import Stage
from controlplane.trials.terms import terms
from provisioner.operations.fulfilled import was_whole
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Phase


@dataclass(frozen=True)
class Clock:
    """`ends` when the time is over, as if it went on now; it stands still since `held_since`, until `gives_up` at the latest."""

    ends: datetime
    held_since: datetime | None = None
    gives_up: datetime | None = None


def clock_of(trial: Trial, runtime: Runtime, now: datetime) -> Clock:
    """Return how the time of an active trial stands: it goes on when its runtime is ready again, later by what was lost.

    What breaks once a runtime was whole takes no time away: its own people may have broken it. Raises Refused trial_moved.
    """
    ends, since = trial.expires_at, trial.held_since
    if ends is None or trial.stage != Stage.ACTIVE:
        raise Refused("trial_moved", "The trial does not run any more; look again.", status=409)
    if since is None and (runtime.phase != Phase.FAILED or was_whole(runtime.pk)):
        return Clock(ends)
    since = since or now
    ends += now - since
    return Clock(ends) if runtime.phase == Phase.READY else Clock(ends, since, since + terms().unbuilt)


def gives_up(trial: Trial) -> datetime | None:
    """Return until when a trial waits for its runtime to be ready for the first time; None of one that does not wait for that."""
    if trial.stage != Stage.PROVISIONING or trial.started_at is None:
        return None
    return trial.started_at + terms().unbuilt
