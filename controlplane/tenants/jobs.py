"""Jobs: what people or the calendar ask for and a worker does, a row each, seen while it grows.

A worker claims a job for a lease and renews it with every piece; a job whose worker died is begun anew. The count of attempts is
the fence: whoever began before writes nothing any more.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

import structlog
from django.db import IntegrityError, connection, models, transaction
from django.db.models import Q

from controlplane.kernel.clock import utcnow

log = structlog.get_logger(__name__)

MOST_ATTEMPTS = 3
AGAIN = timedelta(minutes=1)
NEVER_ENDED = (
    "It was begun several times and never came to an end; Nesoi's operator has to look at the workers."
)
BROKE = "It broke in a way that nobody thought of; the workers' log says why (job_broke)."
_LONGEST_FAULT = 1000


class JobState(models.TextChoices):
    """waiting → running → done | failed; running → waiting when it is to be tried again."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


OPEN = (JobState.WAITING, JobState.RUNNING)
# What is still to be done: few rows, so each kind of job has its index of `due_at` with this condition.
IS_OPEN = Q(state__in=[str(state) for state in OPEN])


class Job(models.Model):
    """What every kind of job has."""

    state = models.CharField(max_length=8, choices=JobState, default=JobState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)  # also the fence
    fault = models.CharField(max_length=_LONGEST_FAULT, blank=True)
    asked_by = models.CharField(max_length=160)
    due_at = models.DateTimeField()  # when it is to be begun, or begun anew: its worker has died then
    finished_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


Row = TypeVar("Row", bound=Job)


class OvertakenError(Exception):
    """Another worker has this job by now: stop, and write nothing."""


_CLAIM = """
UPDATE {table} SET state = 'running', attempts = attempts + 1, due_at = %(until)s
WHERE id = (
    SELECT job.id FROM {table} job
    WHERE job.state IN ('waiting', 'running') AND job.due_at <= %(now)s AND (%(id)s::uuid IS NULL OR job.id = %(id)s){unless}
    ORDER BY job.due_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id
"""


class Queue(Generic[Row]):
    """The jobs of one kind; two workers share them."""

    def __init__(self, model: type[Row], *, lease: timedelta, unless: str = "") -> None:
        """Keep who works for `lease` between two signs of life; `unless` is SQL that says what keeps a `job` waiting."""
        self._rows: models.Manager[Row] = model.objects  # type: ignore[attr-defined]
        self._lease = lease
        table = model._meta.db_table  # noqa: SLF001 - Django's own way to ask
        self._statement = _CLAIM.format(table=table, unless=f" AND NOT EXISTS ({unless})" if unless else "")

    def work_off(
        self, do: Callable[[Row], None], give_up: Callable[[Row, str], None], *, only: UUID | None = None
    ) -> int:
        """Do every job that is due, one after the other, and return how many; what never came to an end is given up."""
        count = 0
        while (row := self.claim(only=only)) is not None:
            count += 1
            try:
                do(row) if row.attempts <= MOST_ATTEMPTS else give_up(row, NEVER_ENDED)
            except OvertakenError:
                log.warning("job_overtaken", kind=type(row).__name__, job=str(row.pk), attempt=row.attempts)
            except Exception:  # it holds up no other one
                log.exception("job_broke", kind=type(row).__name__, job=str(row.pk), attempt=row.attempts)
                self._broke(row, give_up)
        return count

    def _broke(self, row: Row, give_up: Callable[[Row, str], None]) -> None:
        """Tell whoever asked at once: it waits for its next attempt or is given up, and ends in any case."""
        try:
            if not self._waits(row):
                with transaction.atomic():
                    give_up(row, BROKE)
        except OvertakenError:
            pass
        except Exception:
            if not connection.is_usable():  # it is begun anew once its lease is over
                raise
            log.exception("job_not_given_up", kind=type(row).__name__, job=str(row.pk))
            with suppress(OvertakenError):
                self.end(row, JobState.FAILED, fault=BROKE)

    def _waits(self, row: Row) -> bool:
        try:
            return self.try_again(row, BROKE)
        except IntegrityError:  # somebody asked anew meanwhile
            return False

    def write(self, row: Row, **changes: Any) -> None:
        """Change a job that is still this worker's; raises OvertakenError."""
        if "fault" in changes:
            changes["fault"] = changes["fault"][:_LONGEST_FAULT]
        mine = self._rows.filter(pk=row.pk, state=JobState.RUNNING, attempts=row.attempts)
        if not mine.update(**changes):
            raise OvertakenError

    def renew(self, row: Row, **changes: Any) -> None:
        """Say how far it is, and keep it; raises OvertakenError."""
        self.write(row, due_at=utcnow() + self._lease, **changes)

    def end(self, row: Row, state: JobState, **changes: Any) -> None:
        """Say how it ended; raises OvertakenError."""
        self.write(row, state=state, finished_at=utcnow(), **changes)

    def try_again(self, row: Row, fault: str) -> bool:
        """Let it wait for its next attempt; False where none is left. Raises OvertakenError, IntegrityError of its table."""
        if row.attempts >= MOST_ATTEMPTS:
            return False
        with transaction.atomic():
            self.write(row, state=JobState.WAITING, due_at=utcnow() + AGAIN, fault=fault)
        return True

    def claim(self, *, only: UUID | None = None) -> Row | None:
        """Take the job that is longest due; None where none is."""
        now = utcnow()
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(self._statement, {"now": now, "until": now + self._lease, "id": only})
                found = cursor.fetchone()
        except IntegrityError:  # another worker began what excludes this one in this very moment
            return None
        return self._rows.get(pk=found[0]) if found else None
