"""The decision: what an operation's row becomes after one run of its current step. Pure.

Time comes in as values that PostgreSQL read from its own clock; randomness is injected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from controlplane.kernel.errors import Audience, Fatal, Retry
from provisioner.flows.base import Flow
from provisioner.operations.moves import State
from provisioner.steps.base import Done, Step, Wait

FIRST_BACKOFF = timedelta(seconds=2)
LONGEST_BACKOFF = timedelta(minutes=5)
SHORTEST_WAIT = timedelta(milliseconds=100)  # a step that asks for less would only burn the processor


@dataclass(frozen=True)
class Refusal:
    """The landscape's budget or circuit breaker says not now: the step has not run, so nothing counts as an attempt."""

    reason: str
    delay: timedelta
    code: str  # over_budget or not_answering


Outcome = Done | Wait | Refusal | Exception


@dataclass(frozen=True)
class Progress:
    """Where an operation stands as its step ends: `attempts` includes this one, `now` is the database's."""

    step: str
    attempts: int
    now: datetime
    step_started_at: datetime
    deadline: datetime
    step_deadline: datetime | None = None  # None: this is the first look at the step


@dataclass(frozen=True)
class Problem:
    """What went wrong: `kind` is retry, fatal, deadline, crash or refused."""

    kind: str
    code: str
    message: str
    audience: Audience = Audience.SRE


@dataclass(frozen=True)
class Change:
    """What the row becomes. `step_done` moves to `step`; a change without it stays there and waits `delay`."""

    state: State
    outcome: str  # done, wait, retry or fatal: what the attempt is remembered as
    step: str
    step_done: bool = False
    attempts: int = 0
    delay: timedelta = timedelta(0)
    step_deadline: datetime | None = (
        None  # of the step that it waits in; a new step's is `step_limit` from now
    )
    step_limit: timedelta = timedelta(0)
    reason: str = ""
    progress: int = 0
    problem: Problem | None = None
    wakeable: bool = False  # the observer may end this wait
    harmless: bool = False  # the step that failed has changed nothing
    settles: bool = False  # the runtime is what it was to become; what is left goes on in the background
    notes: Mapping[str, Any] = field(default_factory=dict)  # what the operation keeps of a step that failed
    time_left: timedelta = timedelta(0)  # that the operation has at least from now on

    @property
    def closes(self) -> bool:
        """Whether the operation ends here."""
        return self.state in {State.SUCCEEDED, State.FAILED}

    @property
    def gave_up(self) -> str:
        """Why the step failed, where the operation goes on without it; else nothing."""
        problem = self.problem if self.step_done and not self.closes else None
        return problem.message or problem.code if problem else ""

    @property
    def runs_on(self) -> bool:
        """Whether the worker goes on with the next step at once."""
        return self.state is State.RUNNING


def next_state(progress: Progress, outcome: Outcome, flow: Flow, *, jitter: Callable[[], float]) -> Change:
    """Return what one run of the current step makes of the operation; `jitter` returns a number in [0, 1)."""
    step = flow.step(progress.step)
    limit = progress.step_deadline or progress.step_started_at + step.deadline
    overdue = progress.now >= min(limit, progress.deadline)
    match outcome:
        case Done():
            return _done(progress, step, flow)
        case Wait() if not overdue:
            return Change(
                State.WAITING,
                "wait",
                step.name,
                delay=max(outcome.delay, SHORTEST_WAIT),
                step_deadline=limit,
                reason=outcome.reason,
                progress=percent(flow, step.name, outcome.progress or 0),
                wakeable=True,
            )
        case Refusal() if progress.now < progress.deadline:
            # The step could not run, so the time until it may is not taken from the step's own.
            return Change(
                State.WAITING,
                "wait",
                step.name,
                attempts=max(progress.attempts - 1, 0),
                delay=max(outcome.delay, SHORTEST_WAIT),
                step_deadline=max(limit, progress.now) + outcome.delay,
                reason=outcome.reason,
                progress=percent(flow, step.name),
                problem=Problem("refused", outcome.code, ""),
            )
        case Wait() | Refusal():
            return _failed(progress, flow, "fatal", _overdue(progress, step, outcome.reason, limit))
        case Fatal():
            problem = Problem("fatal", outcome.code, str(outcome), outcome.audience)
            return _failed(progress, flow, "fatal", problem)
        case _:
            return _retry(progress, step, flow, outcome, limit, jitter)


def waits_first(change: Change, flow: Flow) -> Change:
    """Return a change that goes on with a step which begins with a wait, as that wait: both are one write."""
    step = flow.step(change.step)
    if step.first_wait is None:
        return change
    return replace(
        change,
        state=State.WAITING,
        attempts=0,
        delay=max(step.first_wait.delay, SHORTEST_WAIT),
        reason=step.first_wait.reason,
        progress=percent(flow, step.name, step.first_wait.progress or 0),
        wakeable=True,
    )


def before_running(progress: Progress, flow: Flow) -> Change | None:
    """Return the end of an operation whose step killed its worker on every attempt: the claim counts, so a crash does."""
    step = flow.step(progress.step)
    if progress.attempts <= step.max_attempts:
        return None
    message = f"The worker died in each of {step.max_attempts} attempts at “{step.title}”."
    return _failed(progress, flow, "fatal", Problem("crash", "worker_died", message))


def rest(progress: Progress, flow: Flow) -> Change:
    """Return the pause that a person asked for while a worker that is gone held the operation: the step does not run."""
    return Change(
        State.WAITING,
        "wait",
        progress.step,
        step_deadline=progress.step_deadline,
        reason="Paused.",
        progress=percent(flow, progress.step),
    )


def unrunnable(step: str, attempts: int, lost: Fatal) -> Change:
    """Return the end of an operation whose step no flow knows."""
    return Change(
        State.FAILED,
        "fatal",
        step,
        attempts=attempts,
        problem=Problem("fatal", lost.code, str(lost), lost.audience),
    )


def step_to_run(name: str, done: Sequence[str], flow: Flow) -> str:
    """Return the step to go on with: a deploy may have taken `name` out of the flow since it was stored.

    Then it is the one behind the last step done; raises Fatal when the flow knows neither.
    """
    names = flow.names()
    if name in names:
        return name
    known = [names.index(step) for step in done if step in names]
    if not done:
        return names[0]
    if known and max(known) + 1 < len(names):
        return names[max(known) + 1]
    raise Fatal(
        f"The step “{name}” is no longer part of this flow, and nothing says where to go on: cancel or skip it.",
        code="step_unknown",
    )


def backoff(attempts: int, jitter: float) -> timedelta:
    """Return a delay between nothing and twice as much as after the attempt before (full jitter), at most 5 minutes.

    Source: Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog 2015.
    """
    ceiling = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** min(max(attempts, 1) - 1, 16))
    return max(timedelta(seconds=ceiling.total_seconds() * jitter), SHORTEST_WAIT)


def percent(flow: Flow, step: str, of_step: int = 0) -> int:
    """Return how far the operation is: the weights of the steps before, and `of_step` percent of this one."""
    total = sum(one.weight for one in flow.steps) or 1
    names = flow.names()
    before = sum(one.weight for one in flow.steps[: names.index(step)])
    here = flow.step(step).weight * min(max(of_step, 0), 100) / 100
    return min(int(100 * (before + here) / total), 99)


def _done(progress: Progress, step: Step, flow: Flow) -> Change:
    names = flow.names()
    position = names.index(step.name)
    if position + 1 == len(names):
        return Change(State.SUCCEEDED, "done", step.name, step_done=True, progress=100)
    following = flow.steps[position + 1]
    if progress.now >= progress.deadline and not following.time_left:
        return _failed(progress, flow, "done", _overdue(progress, step, "", progress.deadline))
    return replace(_goes_on(following, flow), settles=step.name == flow.settles)


def _goes_on(following: Step, flow: Flow) -> Change:
    return Change(
        State.RUNNING,
        "done",
        following.name,
        step_done=True,
        attempts=1,  # the worker that goes on with it is its first
        step_limit=following.deadline,
        progress=percent(flow, following.name),
        time_left=following.time_left,
    )


def _retry(
    progress: Progress, step: Step, flow: Flow, fault: Exception, limit: datetime, jitter: Callable[[], float]
) -> Change:
    # The words of an unforeseen exception may hold a secret: they go to the log, its class to the row.
    foreseen = isinstance(fault, Retry)
    patient = step.patient and foreseen
    message = str(fault) if foreseen else f"An unforeseen {type(fault).__name__} in “{step.title}”."
    code = fault.code if isinstance(fault, Retry) else "unforeseen"
    problem = Problem("retry", code, message)
    if progress.now >= min(limit, progress.deadline):
        return _failed(progress, flow, "retry", _overdue(progress, step, message, limit))
    if progress.attempts >= step.max_attempts and not patient:
        given_up = f"Gave up after {progress.attempts} attempts: {message}"
        return _failed(progress, flow, "retry", Problem("retry", code, given_up))
    delay = backoff(progress.attempts, jitter())
    if isinstance(fault, Retry) and fault.after is not None:
        delay = max(delay, fault.after)
    return Change(
        State.WAITING,
        "retry",
        step.name,
        # Faults leave a patient step half of its attempts: those are for workers that die in it.
        attempts=min(progress.attempts, step.max_attempts // 2) if patient else progress.attempts,
        delay=delay,
        step_deadline=limit,
        reason=f"Trying again: {message}",
        progress=percent(flow, step.name),
        problem=problem,
    )


def _failed(progress: Progress, flow: Flow, outcome: str, problem: Problem) -> Change:
    step = flow.step(progress.step)
    if step.otherwise is not None:
        onward = _goes_on(flow.step(step.otherwise.step), flow)
        return replace(onward, outcome=outcome, problem=problem, notes=step.otherwise.notes(problem))
    return Change(
        State.FAILED,
        outcome,
        progress.step,
        attempts=progress.attempts,
        progress=percent(flow, progress.step),
        problem=problem,
        harmless=step.harmless,
    )


def _overdue(progress: Progress, step: Step, last: str, limit: datetime) -> Problem:
    whole = progress.deadline <= limit
    subject = "The operation" if whole else f"“{step.title}”"
    message = f"{subject} did not end before its deadline."
    if last:
        message += f" It last said: {last}"
    return Problem("deadline", "operation_deadline" if whole else "step_deadline", message)
