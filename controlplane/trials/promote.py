"""Give places that came free to who waits, first come first served."""

from __future__ import annotations

from django.db import transaction

from controlplane.trials.models import Trial
from controlplane.trials.offer import lock_free_places
from controlplane.trials.start import start_trial, write_to
from controlplane.trials.states import Stage

MOST = 20  # in one transaction: who confirms meanwhile waits for it


def promote() -> int:
    """Start as many waiting trials as there are places, and return how many; one that can't start lets the next one by."""
    if not Trial.objects.filter(stage=Stage.WAITING).exists():
        return 0
    started = 0
    with transaction.atomic():
        free, _ = lock_free_places()
        waiting = Trial.objects.filter(stage=Stage.WAITING).select_related("tenant", "owner").order_by("id")
        for trial in waiting[: MOST if free else 0]:
            if started < free and start_trial(trial):
                started += 1
                write_to(trial, "trial-started", path="/", until=f"{trial.expires_at:%-d %B %Y}")
    return started
