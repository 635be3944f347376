"""Give places that came free to who waits, first come first served."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM
from controlplane.trials.ending import end_waiting
from controlplane.trials.hindrance import end_of_waiting
from controlplane.trials.models import Trial
from controlplane.trials.offer import check_open, lock_free_places
from controlplane.trials.start import start_trial, write_to
from controlplane.trials.states import Stage

MOST = 20  # in one transaction: who confirms meanwhile waits for it
ROUNDS = 5
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(minutes=15)


def promote() -> int:
    """Start as many waiting trials as there are places, and return how many.

    One that can't start lets the others by: it leaves the queue until its `next_at`, and then has its old place again.
    """
    started = 0
    for _ in range(ROUNDS):
        if not _queue().exists():
            break
        begun, looked_at = _go_through()
        started += begun
        if looked_at < MOST:
            break
    return started


@transaction.atomic
def _go_through() -> tuple[int, int]:
    """Return how many of the next ones started, and how many were looked at."""
    free, _ = lock_free_places()
    started = looked_at = 0
    for trial in _queue().select_related("tenant", "owner").order_by("id")[: MOST if free else 0]:
        if started == free:
            break
        looked_at += 1
        started += _start(trial)
    return started, looked_at


def _queue() -> QuerySet[Trial]:
    """Who waits and is not put off; rides on trial_next_in_queue."""
    return Trial.objects.filter(stage=Stage.WAITING, next_at__isnull=True)


def _start(trial: Trial) -> bool:
    """Start one, end it for good, or put it off."""
    if reason := end_of_waiting(trial):
        end_waiting(actor=SYSTEM, trial_id=trial.pk, reason=reason)
        return False
    try:
        check_open(trial.region)
    except Refused as refusal:
        Trial.objects.filter(pk=trial.pk).update(problem=refusal.detail[:300])
    else:
        if start_trial(trial):
            write_to(trial, "trial-started", path="/", until=f"{trial.expires_at:%-d %B %Y}")
            return True
    wait = min(FIRST_WAIT * 2 ** min(trial.failures, 10), LONGEST_WAIT)
    Trial.objects.filter(pk=trial.pk, stage=Stage.WAITING).update(
        next_at=utcnow() + wait, failures=trial.failures + 1
    )
    return False
