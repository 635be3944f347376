"""Wherever behind a step its worker is killed, before or after the outcome is written, a request ends once and leaves no orphan.

Every flow's own list says which steps there are: each stands here for both places, against a real landscape, with real workers.
Where there are more such places than runtimes, a worker dies more than once in the life of a request, never behind neighbours.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
import requests
from django.core.management import call_command
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

from controlplane.catalog.facts import load_plan_facts
from controlplane.catalog.plans import PlanFacts
from controlplane.catalog.releasing import point_channel
from provisioner.lifecycle.delete import delete_runtime
from provisioner.lifecycle.resume import resume_runtime
from provisioner.lifecycle.suspend import suspend_runtime
from provisioner.lifecycle.update import update_runtime
from provisioner.lifecycle.upgrade import upgrade_runtime
from provisioner.operations import flowbook
from provisioner.operations.models import Operation, OperationAttempt
from provisioner.operations.settling import settle_seen
from tests.engine_stack import EngineStack, eventually
from tests.faults.dying_worker import DIED, PLACES, UNWRITTEN
from tests.plugins.simulator import SHOOTS, Simulator
from tests.watching import observing
from tests.world import World, landscape, load_catalog, order

pytestmark = [
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.timeout(700),  # the one setup of all these tests is six flows long
    pytest.mark.django_db,
    pytest.mark.xdist_group("engine"),
]

OWNER = "nesoi.dev/runtime"
RUNTIMES = 8
PATIENCE_SECONDS = 600.0
KINDS = (
    "provision",
    "update",
    "upgrade",
    "suspend",
    "resume",
    "deprovision",
)  # as a runtime goes through them
BUILT_ON, UPGRADED_TO = "2026.9.1", "2026.11.1"  # two Kubernetes minors, and other modules
OF_REMOVAL = frozenset({"delete_cluster", "await_absence"})  # of a suspension where the plan says so
# No wish here takes a module away, no verdict is bad, and some steps only write rows.
NOTHING_TO_DO = frozenset({"remove_modules", "roll_back_modules", "switch_modules", "conclude_upgrade"})
WISH = {"region": "eu-central-1", "administrators": ["ada@example.org"]}
NEWER_WISH = {"autoScalerMax": 7, "administrators": ["grace@example.org"]}
TIMES = {
    "speed": 1.0,
    "jitter": 0.0,
    "build_seconds": 1.0,
    "reconcile_seconds": 1.0,
    "delete_seconds": 1.0,
    "hibernate_seconds": 1.0,
}


@dataclass(frozen=True)
class Case:
    """Where a worker dies."""

    kind: str
    step: str
    place: str

    def __str__(self) -> str:
        return f"{self.kind}-{self.step}-{self.place}"


def cases_of(kind: str) -> list[Case]:
    return [Case(kind, step, place) for step in flowbook.flow_of(kind).names() for place in PLACES]


CASES = [case for kind in KINDS for case in cases_of(kind)]


@dataclass
class Ending:
    """What became of a request whose worker died."""

    died: bool
    calls: list[str]  # of the driver, in the step that the worker died in
    states: list[str]
    done: Counter[str]
    attempts: list[OperationAttempt]  # those that came to an outcome


@dataclass
class Life:
    """A runtime, which goes through all kinds of requests; the next is made as soon as the one before has ended."""

    number: int
    runtime: UUID | None = None
    kinds: list[str] = field(default_factory=lambda: list(KINDS))  # that are still to come
    removed: bool = False  # by its suspension
    operations: dict[str, UUID] = field(default_factory=dict)  # by kind
    upgrade: dict[str, Any] = field(default_factory=dict)  # its input
    report: dict[str, Any] = field(default_factory=dict)  # and what it left for people

    def deaths_in(self, kind: str) -> list[Case]:
        """Where its workers die: far enough from each other for no step to lose two attempts."""
        return cases_of(kind)[self.number :: RUNTIMES]


@dataclass
class Story:
    """What became of everything."""

    lives: list[Life]
    endings: dict[Case, Ending] = field(default_factory=dict)
    happened: Counter[tuple[str, str]] = field(default_factory=Counter)  # (ADDED or DELETED, runtime)
    left: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def story(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, simulator: Simulator, tmp_path_factory: Any
) -> Story:
    """Eight runtimes go from wish to wish to nothing; in every flow each loses its workers at other places."""
    deaths: Path = tmp_path_factory.mktemp("deaths")
    with django_db_blocker.unblock(), simulator.set(**TIMES):
        load_catalog()
        try:
            with workers(deaths) as stack:
                told = tell(simulator, deaths, stack)
        finally:
            call_command("flush", interactive=False, verbosity=0)
            load_catalog()
    return told


@contextmanager
def workers(deaths: Path) -> Iterator[EngineStack]:
    """A broker, a beat, and workers that die where `deaths` says."""
    database = connection.settings_dict
    host = database["OPTIONS"].get("host") or database["HOST"]
    url = f"postgres://{database['USER']}@/{database['NAME']}?host={host}"
    stack = EngineStack(
        url, DEATHS=str(deaths), LEASE_SECONDS="40", STEP_TIMEOUT_SECONDS="30", SWEEP_SECONDS="0.25", DATABASE_POOL_SIZE="0",
        ROLLOUT_TICK_SECONDS="60",
    )  # fmt: skip
    try:
        stack.python("-m", "tests.faults.dying_worker")
        stack.beat()
        yield stack
    finally:
        stack.close()


def tell(simulator: Simulator, deaths: Path, stack: EngineStack) -> Story:
    world, told = World(), Story([Life(number) for number in range(RUNTIMES)])
    place = landscape("killed", kubeconfig=simulator.kubeconfig)
    point_channel(actor=world.sam.actor, key="regular", release=BUILT_ON)
    since = simulator.call("GET", SHOOTS)["metadata"]["resourceVersion"]
    with observing(place), workers_settle(told.lives):
        eventually(
            lambda: all_lived(world, told.lives, deaths),
            seconds=PATIENCE_SECONDS, every=0.2, tail=stack.folder / "1.log",
        )  # fmt: skip
    for life in told.lives:
        for kind, operation in life.operations.items():
            told.endings |= {case: ending_of(operation, case, deaths) for case in life.deaths_in(kind)}
        upgraded = Operation.objects.get(pk=life.operations["upgrade"])
        life.upgrade, life.report = upgraded.input, upgraded.kept["report"]
    owners = {str(life.runtime) for life in told.lives}
    told.happened = happened(simulator, since, owners)
    told.left = [
        name
        for shoot in simulator.call("GET", SHOOTS)["items"]
        if (name := shoot["metadata"].get("labels", {}).get(OWNER)) in owners
    ]
    return told


@contextmanager
def workers_settle(lives: list[Life]) -> Iterator[None]:
    """Leave those to workers that are to die where the observer's sight would settle without one."""
    settles = flowbook.flow_of("provision").settles
    doomed = [life for life in lives if any(case.step == settles for case in life.deaths_in("provision"))]

    def spared(runtime_ids: Sequence[UUID]) -> list[UUID]:
        theirs = {life.runtime for life in doomed}
        return settle_seen([key for key in runtime_ids if key not in theirs])

    with patch("provisioner.operations.settling.settle_seen", spared):
        yield


def all_lived(world: World, lives: list[Life], deaths: Path) -> bool:
    """Make the next request for every runtime whose last one has ended; True when there is none left."""
    at_work = set(Operation.objects.filter(slot__isnull=False).values_list("runtime_id", flat=True))
    idle = [life for life in lives if life.runtime not in at_work]
    if idle == lives and not any(life.kinds for life in lives):
        return True
    for life in idle:
        if life.kinds:
            request_next(world, life, deaths)
    return False


def request_next(world: World, life: Life, deaths: Path) -> None:
    """Request; where the workers die is written before any of them can know of the work."""
    kind = life.kinds.pop(0)
    with transaction.atomic():
        operation = request(kind, world, life)
        life.runtime, life.operations[kind] = operation.runtime_id, operation.id
        places = [f"{case.step} {case.place}" for case in life.deaths_in(kind)]
        (deaths / str(operation.id)).write_text("\n".join(places))


def request(kind: str, world: World, life: Life) -> Operation:
    if life.runtime is None:
        first: Operation = order(world, name=f"killed-{life.number}", parameters=WISH)
        return first
    which: Any = {"actor": world.alice.actor, "runtime_id": life.runtime}
    operation: Operation | None
    if kind == "update":
        _, operation = update_runtime(**which, parameters=NEWER_WISH)
    elif kind == "upgrade":
        operation = upgrade_runtime(**which, release=UPGRADED_TO)
    elif kind == "suspend":
        life.removed = any(case.step in OF_REMOVAL for case in life.deaths_in(kind))
        with suspensions("destroy" if life.removed else "hibernate"):
            operation = suspend_runtime(**which)
    elif kind == "resume":
        operation = resume_runtime(**which)
    else:
        operation = delete_runtime(**which)
    assert operation is not None
    return operation


@contextmanager
def suspensions(meaning: str) -> Iterator[None]:
    """Let every plan's suspension mean this."""

    def facts(key: str) -> PlanFacts:
        return replace(load_plan_facts(key), suspension=meaning)

    with patch("provisioner.lifecycle.suspend.load_plan_facts", facts):
        yield


def ending_of(operation_id: UUID, case: Case, deaths: Path) -> Ending:
    operation = Operation.objects.get(pk=operation_id)
    same = Operation.objects.filter(runtime=operation.runtime_id, kind=operation.kind)
    attempts = list(OperationAttempt.objects.filter(operation=operation).order_by("id"))
    note = deaths / f"{operation_id}{DIED}"
    died = {  # (step, place): calls
        (words[0], words[1]): words[2:]
        for line in (note.read_text().splitlines() if note.exists() else ())
        if (words := line.split())
    }
    return Ending(
        died=(case.step, case.place) in died,
        calls=died.get((case.step, case.place), []),
        states=list(same.values_list("state", flat=True)),
        done=Counter(attempt.step for attempt in attempts if attempt.outcome == "done"),
        attempts=attempts,
    )


def happened(simulator: Simulator, since: str, runtimes: set[str]) -> Counter[tuple[str, str]]:
    """Return how often the landscape tells of each runtime's cluster that it came or went."""
    answer = requests.get(
        simulator.url + SHOOTS,
        params={"watch": "1", "resourceVersion": since, "timeoutSeconds": "1"},
        headers={"Authorization": f"Bearer {simulator.admin_token}"},
        verify=str(simulator.ca),
        timeout=30,
    )
    events = [json.loads(line) for line in answer.text.splitlines()]
    owned = [
        (event["type"], event["object"]["metadata"].get("labels", {}).get(OWNER, "")) for event in events
    ]
    return Counter((type_, owner) for type_, owner in owned if type_ != "MODIFIED" and owner in runtimes)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_request_ends_once_though_its_worker_died_behind_a_step(case: Case, story: Story) -> None:
    ending, flow = story.endings[case], flowbook.flow_of(case.kind)
    names = flow.names()
    assert ending.died, "no worker came to this place"
    assert ending.states == ["succeeded"]
    assert ending.done == Counter(names)
    # The attempt that died is counted and left no outcome; behind a written outcome it is the next step's, unless that had not
    # begun: it waits first, or came back into the queue.
    if case.place == UNWRITTEN:
        silent = flow.step(case.step).ends_when_ready or case.step in NOTHING_TO_DO
        assert ending.calls or silent
        assert [one.number for one in ending.attempts if (one.step, one.outcome) == (case.step, "done")] == [
            2
        ]
    elif case.step != names[-1]:
        after = flow.steps[names.index(case.step) + 1]
        let_go = after.first_wait is not None or flow.settles == case.step
        first = next(one.number for one in ending.attempts if one.step == after.name)
        assert first == (1 if let_go else 2)


def test_every_cluster_came_and_went_as_often_as_it_was_wanted(story: Story) -> None:
    times = {str(life.runtime): 2 if life.removed else 1 for life in story.lives}
    assert story.happened == Counter(
        {(type_, runtime): n for type_ in ("ADDED", "DELETED") for runtime, n in times.items()}
    )
    assert any(life.removed for life in story.lives)
    assert not story.left


def test_every_upgrade_came_hop_by_hop_to_its_release_whoever_died_on_the_way(story: Story) -> None:
    for life in story.lives:
        assert [hop["kubernetes"] for hop in life.upgrade["hops"]] == ["1.34.8", "1.35.4"]
        assert (life.report["outcome"], life.report["reasons"]) == ("succeeded", [])
        assert life.report["before"]["nodes"].keys() == {"1.33.8"}  # the first sight, whoever saw it
        assert life.report["after"]["nodes"].keys() == {"1.35.4"}


def test_every_flow_is_put_to_this() -> None:
    assert set(KINDS) == set(flowbook.all_flows())
