"""What a step sees, and what it may answer. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from controlplane.kernel.errors import Audience, Fatal
from provisioner.drivers.base import ClusterRef, Driver, Observed, Situation
from provisioner.modules.kept import Memory, Notebook
from provisioner.runtimes.inside import ClusterApi
from provisioner.runtimes.phases import Kind
from provisioner.runtimes.spec import ClusterSpec, ModuleWish
from provisioner.runtimes.visit import Visit

GENERATION_TAG = "nesoi.dev/generation"
OPERATION_TAG = "nesoi.dev/operation"
LOOK_AGAIN = timedelta(seconds=60)  # the observer calls sooner; this is for when it can't
REBUILD = "rebuild"  # in an operation's input: build the cluster, and empty, where there is none


@dataclass(frozen=True)
class Done:
    """The step is fulfilled; go on with the next."""

    note: str = ""


@dataclass(frozen=True)
class Wait:
    """Not yet: look again after `delay`, or when the observer sees the landscape settle, whichever comes first."""

    reason: str
    delay: timedelta = timedelta(seconds=30)
    progress: int | None = None  # percent of this step


Outcome = Done | Wait


class Failure(Protocol):
    """How a step failed for good: `kind` is fatal for a lasting fault; retry, deadline, crash or refused for one that gave up."""

    @property
    def kind(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def audience(self) -> Audience: ...


@dataclass(frozen=True)
class Detour:
    """Where a flow goes on when a step of it fails, and what the operation keeps of that; both become true in one write."""

    step: str  # behind the one that failed; what is between is left out
    notes: Callable[[Failure], Mapping[str, Any]]


class Pen(Protocol):
    """Writes for a step, guarded by its lease; raises Retry when that is lost."""

    def amend(self, *, cluster: Mapping[str, Any], release: Mapping[str, Any] | None = None) -> ClusterSpec:
        """Change these fields of the runtime's wanted cluster, and the release that it counts as running; return the cluster."""
        ...

    def keep(self, notes: Mapping[str, Any]) -> None:
        """Add to what the operation keeps for later steps and for people."""
        ...


@dataclass(frozen=True)
class StepContext:
    """All that a step may know: plain values, a driver and a pen, no rows."""

    operation_id: UUID
    runtime_id: UUID
    kind: str
    generation: int
    fence: int
    attempt: int
    step_started_at: datetime
    cluster: ClusterSpec
    driver: Driver
    input: Mapping[str, Any] = field(default_factory=dict)
    kept: Mapping[str, Any] = field(default_factory=dict)  # what steps of this operation noted
    release: Mapping[str, Any] = field(default_factory=dict)  # that the runtime counts as running
    pen: Pen | None = None
    memory: Memory = field(default_factory=Notebook)  # of the modules inside the cluster
    visit: Visit = field(default_factory=Visit)  # shared by the steps that this worker runs in one go

    def inside(self) -> AbstractContextManager[ClusterApi]:
        """Lend the cluster's own API as an admin: the one that a step before has opened, or a new one."""
        return self.visit.inside(lambda: self.driver.inside(self.ref))

    def amended(self, *, release: Mapping[str, Any] | None = None, **cluster: Any) -> StepContext:
        """Return the context once the runtime's row wants this cluster: first the wish, then the landscape."""
        if self.pen is None:
            raise Fatal("This step was run without the means to write.", code="step_without_pen")
        return replace(self, cluster=self.pen.amend(cluster=cluster, release=release))

    def recalling(self, modules: Iterable[Mapping[str, Any]]) -> StepContext:
        """Return the context once the row wants these modules in these versions again.

        Settings stay as they are wished now, and so does what came or chose a channel of its own since.
        """
        wanted = self._recalled(modules)
        return self.amended(modules=[asdict(wish) for wish in wanted]) if self.differs(modules) else self

    def differs(self, modules: Iterable[Mapping[str, Any]]) -> bool:
        """Say whether `recalling` these would change anything."""
        return self._recalled(modules) != self.cluster.modules

    def _recalled(self, modules: Iterable[Mapping[str, Any]]) -> tuple[ModuleWish, ...]:
        was = {(wish.key, wish.channel): wish for wish in (ModuleWish(**one) for one in modules)}
        wanted = []
        for wish in self.cluster.modules:
            old = was.get((wish.key, wish.channel), wish)
            wanted.append(replace(wish, version=old.version, implementation=old.implementation))
        return tuple(wanted)

    def noting(self, **notes: Any) -> StepContext:
        """Return the context once the operation keeps these notes."""
        if self.pen is None:
            raise Fatal("This step was run without the means to write.", code="step_without_pen")
        self.pen.keep(notes)
        return replace(self, kept={**self.kept, **notes})

    @property
    def wanted(self) -> ClusterSpec:
        """The cluster as wanted, tagged with the wish that it fulfils: what the observer sees can be told from older wishes."""
        tags = {GENERATION_TAG: str(self.generation), OPERATION_TAG: str(self.operation_id)}
        return replace(self.cluster, annotations={**self.cluster.annotations, **tags})

    @property
    def may_build(self) -> bool:
        """Whether a cluster that is not there is to be built: the first time, or where that was asked for in so many words.

        Everything else would pass an empty cluster off as the one with the tenant's data.
        """
        return self.kind == Kind.PROVISION or bool(self.input.get(REBUILD))

    def order(self) -> Observed:
        """Ask the landscape for the cluster as it is wanted now; raises Fatal (cluster_missing) for one that is to be there."""
        return self.driver.ensure(self.wanted) if self.may_build else self.driver.change(self.wanted)

    @property
    def ref(self) -> ClusterRef:
        """The cluster's name in its landscape, and that it must be this runtime's."""
        return ClusterRef(self.cluster.name, owner=str(self.runtime_id))


@dataclass(frozen=True)
class Step:
    """One idempotent piece of a flow; a step's file exports it as `step`.

    `weight` is its share of the flow's progress bar. Where `needed` says no, it is done without being run, and nothing is taken
    from the landscape's budget. A step with a `skip_refusal` can't be skipped, and that sentence tells people why; one that has
    `skip_needs` too can be while the observer's last sight of the cluster is that one. A failure of a `harmless` step has changed
    nothing: the runtime returns to the phase in the operation's input. A retry of a step with `retry_from` begins at that step.
    Where a step with `otherwise` fails, of whatever, the operation does not: it goes on there. Passing faults take no attempts of
    a step that is `patient`: only its deadline ends it. When it begins, the operation has at least `time_left`, however late it
    is.
    """

    name: str
    title: str  # for people: "Create the cluster"
    run: Callable[[StepContext], Outcome]
    deadline: timedelta = timedelta(minutes=10)
    calls_landscape: bool = True  # takes from the landscape's budget and heeds its circuit breaker
    max_attempts: int = 8
    follows_landscape: bool = False  # while it waits, the observer shows how far the landscape is
    ends_when_ready: bool = False  # the observer's sight of the fulfilled wish is enough: no call, no budget
    first_wait: Wait | None = None  # right behind the step before: nothing to see yet, wait without a look
    weight: int = 1
    needed: Callable[[ClusterSpec], bool] | None = None
    skip_needs: Situation | None = None
    skip_refusal: str = ""
    harmless: bool = False
    retry_from: str = ""
    otherwise: Detour | None = None
    patient: bool = False
    time_left: timedelta = timedelta(0)

    def within(self, deadline: timedelta) -> Step:
        """Return this step with another deadline: a flow knows how long its own wait may last."""
        return replace(self, deadline=deadline)


def wait_for(observed: Observed, words: str) -> Wait:
    """Return the wait for a landscape at work: with its passing fault, or what it says that it does, or `words`.

    Raises Fatal for a fault that waiting can't mend.
    """
    refuse_lasting_faults(observed)
    reason = observed.activity or words
    if observed.faults:
        fault = observed.faults[0]
        reason = f"The landscape tries again after {fault.code}: {fault.message}"
    return Wait(reason, delay=LOOK_AGAIN, progress=observed.progress)


def refuse_lasting_faults(observed: Observed) -> None:
    """Raise Fatal for the first fault that waiting can't mend, addressed to who can act; passing faults raise nothing."""
    for fault in observed.faults:
        if not fault.passing:
            raise Fatal(fault.message, code=fault.code, audience=fault.audience)


def reach(ctx: StepContext, words: str) -> Wait | None:
    """Return None once the cluster is as its runtime's row wants it, field by field and healthy; else order it, and a wait.

    Versions are among the fields: a landscape that accepted a wish and has not begun with it does not pass for done.
    """
    observed = ctx.driver.observe(ctx.ref)
    lost = observed.situation in {Situation.ABSENT, Situation.FAILED}
    if lost or ctx.driver.drift(ctx.wanted, observed):
        observed = ctx.order()
    elif observed.situation is Situation.READY:
        return None
    return wait_for(observed, words)
