"""Runs claimed operations: one step after another, each outcome written before the next begins.

No transaction is open while a step runs. Whatever happens here, at any line, the row says what is true: a worker that dies
leaves a lease that ends, and one that comes late finds its fence outgrown and stops without a word.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol, TypeVar
from uuid import UUID

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from controlplane.kernel.errors import Fatal, Retry
from provisioner.drivers.base import Driver, LandscapeAccess
from provisioner.flows.base import Flow
from provisioner.landscapes import breaker, budget
from provisioner.modules.memory import RowMemory
from provisioner.operations import engine, flowbook, ledger, sweeping
from provisioner.operations.claimed import Claimed
from provisioner.operations.engine import Outcome, Refusal
from provisioner.operations.pen import WorkersPen
from provisioner.operations.time_limit import OutOfTime, at_most
from provisioner.steps.base import Done, Step, StepContext

log = structlog.get_logger(__name__)

Written = TypeVar("Written")
Answered = TypeVar("Answered")

WRITE_RETRY_SECONDS = (
    0.2,
    0.5,
    1.0,
    2.0,
    4.0,
)  # a restarting PostgreSQL is back by then, and the lease still holds


class Connect(Protocol):
    """Hands out drivers: `provisioner.drivers.registry.connect`."""

    def __call__(self, *, kind: str, access: LandscapeAccess) -> Driver:
        """Return the driver for a landscape."""
        ...


@dataclass(frozen=True)
class Runner:
    """Works off operations; `connect` makes drivers, `promoted` is told of wishes whose turn has come."""

    connect: Connect
    promoted: Callable[[UUID], object] = lambda _operation_id: None
    jitter: Callable[[], float] = random.random

    def work(self, seconds: float) -> bool:
        """Run due operations, fairest first, for about `seconds`; True when more may be due."""
        end = time.monotonic() + seconds
        while (held := ledger.claim()) is not None:
            self.run(held)
            if time.monotonic() >= end:
                return True
        return False

    def run(self, held: Claimed) -> None:
        """Run an operation's steps until it waits, rests or ends."""
        resting: Claimed | None = held
        with structlog.contextvars.bound_contextvars(
            operation_id=str(held.id), runtime_id=str(held.runtime_id)
        ):
            try:
                while resting is not None:
                    resting = self._advance(resting)
            finally:
                held.visit.close()

    def _advance(self, held: Claimed) -> Claimed | None:
        """Run the current step once and write its outcome; return the operation while it goes on in our hand."""
        if held.cancelling:
            self._told(_surely(lambda: ledger.close_cancelled(held)))
            return None
        try:
            flow = flowbook.flow_of(held.kind.value)
            if (step := engine.step_to_run(held.step, held.steps_done, flow)) != held.step:
                held = replace(held, step=step)
            change = self._decide(held, flow)
        except Fatal as lost:
            change = engine.unrunnable(held.step, held.attempts, lost)
        if change.closes:
            closed = _surely(lambda: ledger.close(held, change))
            self._told(closed)
            if closed is not None:
                log.info("operation_ended", kind=held.kind.value, state=change.state.value, step=held.step)
            return None
        if change.gave_up:
            log.warning("step_gave_up", step=held.step, because=change.gave_up, goes_on_at=change.step)
        result = _surely(lambda: ledger.write(held, change))
        if result is None:
            # Either another worker holds it now, and this finds nothing, or somebody asked to cancel it.
            self._told(_surely(lambda: ledger.close_if_cancelling(held)))
        return result if isinstance(result, Claimed) else None

    def _decide(self, held: Claimed, flow: Flow) -> engine.Change:
        progress = held.progress_after(timedelta(0))
        if (end := engine.before_running(progress, flow)) is not None:
            return end
        if held.pausing:
            return engine.rest(progress, flow)
        began = time.monotonic()
        outcome = self._outcome(held, flow.step(held.step))
        progress = held.progress_after(timedelta(seconds=time.monotonic() - began))
        change = engine.next_state(progress, outcome, flow, jitter=self.jitter)
        if not change.runs_on or change.settles:
            return change
        following = flow.step(change.step)
        open_yet = _bounded(following, lambda: _settled(held, following)) is None
        return engine.waits_first(change, flow) if open_yet else change

    def _outcome(self, held: Claimed, step: Step) -> Outcome:
        if (settled := _bounded(step, lambda: _settled(held, step))) is not None:
            return settled
        suspect = False
        if step.calls_landscape:
            verdict = budget.take(held.landscape_id)
            if not isinstance(verdict, budget.Allowed):
                return _refusal(verdict, self.jitter())
            suspect = verdict.suspect
        outcome = _bounded(step, lambda: step.run(self._context(held)))
        if step.calls_landscape and breaker.report(
            held.landscape_id, held.access.key, outcome, suspect=suspect
        ):
            sweeping.end_refusals_of(held.landscape_id)
        return outcome

    def _context(self, held: Claimed) -> StepContext:
        return StepContext(
            operation_id=held.id,
            runtime_id=held.runtime_id,
            kind=held.kind.value,
            generation=held.generation,
            fence=held.fence,
            attempt=held.attempts,
            step_started_at=held.step_started_at,
            cluster=held.cluster,
            driver=self.connect(kind=held.landscape_kind, access=held.access),
            input=held.input,
            kept=held.kept,
            release=held.release,
            pen=WorkersPen(held),
            memory=RowMemory(held.runtime_id, held.generation),
            visit=held.visit,
        )

    def _told(self, closed: ledger.Closed | None) -> None:
        if closed is not None and closed.promoted is not None:
            self.promoted(closed.promoted)


def _settled(held: Claimed, step: Step) -> Done | None:
    """Return Done for a step whose end is plain without running it."""
    unneeded = step.needed is not None and not step.needed(held.cluster)
    return Done() if unneeded or (step.ends_when_ready and held.seen_ready) else None


def _bounded(step: Step, act: Callable[[], Answered]) -> Answered | Exception:
    """Return what a step's own code answers within its time, or the fault that it raises: no code of a step ends the worker."""
    limit = settings.STEP_TIMEOUT_SECONDS
    try:
        with at_most(limit):
            return act()
    except OutOfTime:
        message = f"“{step.title}” did not answer within {limit} s."
        return Retry(message, code="step_timeout", landscape_fault=step.calls_landscape)
    except (Retry, Fatal) as fault:
        return fault
    except Exception as fault:
        log.exception("step_broke", step=step.name)
        return fault


def _refusal(verdict: budget.OverBudget | budget.NotAnswering, jitter: float) -> Refusal:
    # Spread over a while, so that those who wait do not all come back in the same moment.
    if isinstance(verdict, budget.OverBudget):
        seconds = verdict.seconds + 0.5 + 2 * jitter
        said = f"The landscape {verdict.landscape} is over its budget of calls"
        code = "over_budget"
    else:
        seconds = verdict.seconds + 3 * jitter
        since = f" since {verdict.since:%H:%M:%S} UTC" if verdict.since else ""
        said = f"The landscape {verdict.landscape} is not answering{since}: {verdict.reason.rstrip('.')}"
        code = "not_answering"
    return Refusal(f"{said}; next try in about {seconds:.0f} s.", timedelta(seconds=seconds), code)


def _surely(write: Callable[[], Written]) -> Written:
    """Write, and again on a new connection while the database is away: the step's work is done and must not be lost for that.

    Writing twice is harmless: a write that was committed unheard has moved the step or ended the operation.
    """
    for pause in WRITE_RETRY_SECONDS:
        try:
            return write()
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block:
                raise
            log.warning("database_away", again_in_seconds=pause)
            connection.close()
            time.sleep(pause)
    return write()
