"""What time does to trials: each stage has one duty, done when `next_at` has come and again until it has succeeded.

Two ticks at once share the work: a trial is claimed before it is looked at, and looked at with its row locked. A duty that fails
is tried again, later each time; the row says why, and the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import connection, transaction

from controlplane.kernel.clock import utcnow
from controlplane.kernel.redaction import redact
from controlplane.trials import queries
from controlplane.trials.duties import (
    await_removal,
    await_suspension,
    end_grace,
    go_back_in_line,
    watch_active,
    watch_provisioning,
)
from controlplane.trials.forgetting import forget_person
from controlplane.trials.models import Trial
from controlplane.trials.promote import promote
from controlplane.trials.sign_in import send_links
from controlplane.trials.states import Stage
from controlplane.trials.terms import SIGN_UP_KEPT

log = structlog.get_logger(__name__)

MOST = 100  # of each kind in one tick
CLAIM = timedelta(minutes=2)
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)

DUTIES: Mapping[str, Callable[[Trial, datetime], None]] = {
    Stage.WAITING: go_back_in_line,
    Stage.PROVISIONING: watch_provisioning,
    Stage.ACTIVE: watch_active,
    Stage.EXPIRED: await_suspension,
    Stage.SUSPENDED: end_grace,
    Stage.REMOVING: await_removal,
    Stage.REMOVED: forget_person,
    Stage.REJECTED: forget_person,
}


def tick() -> int:
    """Do what is due, and return how many trials were looked at."""
    send_links()
    now = utcnow()
    claimed = _claim(now)
    for trial_id in claimed:
        _look_at(trial_id, now)
    promote()
    _forget(now)
    return len(claimed)


@transaction.atomic
def _claim(now: datetime) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(queries.CLAIM_DUE, {"now": now, "claimed_until": now + CLAIM, "most": MOST})
        return [row[0] for row in cursor.fetchall()]


def _look_at(trial_id: UUID, now: datetime) -> None:
    try:
        with transaction.atomic():
            rows = Trial.objects.select_for_update(of=("self",)).select_related("runtime", "owner", "tenant")
            trial = rows.get(pk=trial_id)
            DUTIES.get(trial.stage, _nothing)(trial, now)
    except Exception as fault:  # one trial's fault must not hold up the others, and must be seen
        _note_failure(trial_id, now, fault)


def _nothing(trial: Trial, now: datetime) -> None:
    Trial.objects.filter(pk=trial.pk).update(next_at=None)


def _note_failure(trial_id: UUID, now: datetime, fault: Exception) -> None:
    trial = Trial.objects.get(pk=trial_id)
    wait = min(FIRST_WAIT * 2 ** min(trial.failures, 10), LONGEST_WAIT)
    said = redact(f"{type(fault).__name__}: {fault}")[:300]
    Trial.objects.filter(pk=trial_id).update(failures=trial.failures + 1, problem=said, next_at=now + wait)
    log.error(
        "trial_duty_failed", trial=str(trial_id), stage=trial.stage, failures=trial.failures + 1, reason=said
    )


def _forget(now: datetime) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(queries.LAPSE_SIGN_UPS, {"now": now, "most": MOST})
        cursor.execute(queries.FORGET_SIGN_UPS, {"before": now - SIGN_UP_KEPT, "most": MOST})
        cursor.execute(queries.FORGET_RULES, {"before": now, "most": MOST})
        cursor.execute(queries.FORGET_LINKS, {"before": now - timedelta(days=1), "most": MOST})
