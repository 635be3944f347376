"""Operations for tests: runtimes without a landscape, flows whose steps do as told, and a worker in the test's own process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any, cast

import pytest
from django.db import transaction
from django.db.models import F

from controlplane.kernel.errors import Fatal, Refused
from controlplane.kernel.ids import short_name
from controlplane.tenants.access import SYSTEM, Actor
from controlplane.tenants.models import Account
from provisioner.drivers.base import Driver, LandscapeAccess
from provisioner.flows.base import Flow
from provisioner.landscapes.models import Landscape
from provisioner.operations import flowbook, services
from provisioner.operations.models import Operation
from provisioner.operations.runner import Runner
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind
from provisioner.runtimes.spec import ClusterSpec
from provisioner.steps.base import Done, Outcome, Step, StepContext

Act = Callable[[StepContext], Outcome]


def done(_: StepContext) -> Outcome:
    return Done()


def step(name: str, act: Act = done, **changes: Any) -> Step:
    """A step that leaves the landscape alone, unless told otherwise."""
    return Step(name=name, title=f"Do {name}", run=act, **{"calls_landscape": False, **changes})


def flow(*steps: Step, deadline: timedelta = timedelta(hours=1), settles: str = "") -> Flow:
    three = (step("first"), step("second"), step("third"))
    return Flow(steps=steps or three, deadline=deadline, settles=settles)


@contextmanager
def flows(**given: Flow) -> Iterator[None]:
    """Serve these flows; provision, update and deprovision are three steps of nothing unless given."""
    with flowbook.installed({"provision": flow(), "update": flow(), "deprovision": flow(), **given}):
        yield


class Ground:
    """Whether the cluster is there: suspending removes it, and only what may build brings it back."""

    there = True

    def remove(self, _: StepContext) -> Outcome:
        self.there = False
        return Done()

    def order(self, ctx: StepContext) -> Outcome:
        if not (self.there or ctx.may_build):
            raise Fatal("There is no cluster.", code="cluster_missing")
        self.there = True
        return Done()

    def flows(self) -> AbstractContextManager[None]:
        """Serve changes, suspensions and resumptions of one step that meets this ground."""
        order, remove = flow(step("order", self.order)), flow(step("remove", self.remove))
        return flows(suspend=remove, resume=order, update=order)


def runtime(account: Account, landscape: Landscape, *, name: str = "", **fields: Any) -> Runtime:
    """A runtime row as the lifecycle would write it."""
    cluster = short_name(10)
    spec = ClusterSpec(
        name=cluster, provider="aws", region="eu-central-1", kubernetes_version="1.34", pools=()
    )
    created: Runtime = Runtime.objects.create(
        tenant_id=account.tenant_id,
        account=account,
        landscape=landscape,
        plan_id="aws",
        name=name or cluster,
        cluster_name=cluster,
        region="eu-central-1",
        cluster_spec=spec.as_json(),
        created_by="test",
        **fields,
    )
    if "phase" in fields:  # the database notes by itself when it was ready first
        created.refresh_from_db(fields=["first_ready_at"])
    return created


def start(of: Runtime, kind: Kind = Kind.PROVISION, actor: Actor = SYSTEM) -> Operation:
    with transaction.atomic():
        return services.open_operation(actor=actor, runtime=of, kind=kind)


def wish(of: Runtime, kind: Kind = Kind.UPDATE, actor: Actor = SYSTEM) -> Operation:
    """A newer wish: the lifecycle raises the generation and opens an operation."""
    Runtime.objects.filter(pk=of.pk).update(generation=F("generation") + 1)
    of.refresh_from_db()
    return start(of, kind, actor)


def no_driver(*, kind: str, access: LandscapeAccess) -> Driver:
    return cast("Driver", None)


def worker(**changes: Any) -> Runner:
    return Runner(**{"connect": no_driver, "jitter": lambda: 0.5, **changes})


def work(seconds: float = 10.0) -> None:
    """Work off what is due in this process."""
    worker().work(seconds)


def refused(code: str) -> AbstractContextManager[Any]:
    """What is inside is refused with this code."""
    found: AbstractContextManager[Any] = pytest.raises(Refused, check=lambda error: error.code == code)
    return found


def again(operation: Operation) -> Operation:
    operation.refresh_from_db()
    return operation


def time_passes(operation: Operation, by: timedelta = timedelta(days=1)) -> None:
    """Let `by` pass for one operation: its wait, its lease and its deadlines come nearer."""
    moved = {
        name: F(name) - by
        for name in ("due_at", "lease_until", "step_deadline", "deadline", "step_started_at")
    }
    Operation.objects.filter(pk=operation.pk).update(**moved)


def lease_ends(operation: Operation) -> None:
    """As if the worker that holds it had died a while ago."""
    Operation.objects.filter(pk=operation.pk).update(lease_until=F("created_at") - timedelta(seconds=1))


def wait_ends(operation: Operation) -> None:
    Operation.objects.filter(pk=operation.pk).update(due_at=F("created_at"))
