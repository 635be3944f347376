"""An upgrade past its workers never ends half-way: whatever gives up behind them, the modules of before come back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from controlplane.kernel.errors import Audience, Fatal
from provisioner.modules.installing import Sight, look
from provisioner.operations import ledger
from provisioner.operations.models import Operation, OperationAttempt
from provisioner.operations.services import retry_operation
from provisioner.operations.timeline import StepState, attempts_of, timeline
from provisioner.runtimes.models import Runtime
from provisioner.steps import roll_back_modules
from tests import work
from tests.plugins.simulator import Simulator
from tests.upgrading import (
    AWAY,
    Killed,
    assert_halted,
    away,
    fulfil,
    installed,
    reach,
    ready_to_upgrade,
    stops_answering,
    upgrade,
    versions,
    wished,
)
from tests.work import again
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def runtime(world: World, simulator: Simulator) -> Iterator[Runtime]:
    with ready_to_upgrade(world, simulator) as built:
        yield built


@pytest.mark.parametrize("objects", [0, 20])
def test_modules_that_can_not_be_installed_for_a_passing_fault_are_the_old_ones_again(
    world: World, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, objects: int
) -> None:
    before = wished(runtime)
    operation = upgrade(world, runtime)
    with monkeypatch.context() as patch:
        patch.setattr("provisioner.steps.install_modules.install", stops_answering(objects))
        fulfil(operation, until="failed")
    assert_halted(operation, runtime, before)
    assert installed(runtime) == before
    cause = (operation.error_code, operation.error_audience)
    assert cause == ("install_modules_gave_up", "sre"), "a rollout's to count, with others of its kind"
    assert f"Gave up after 20 attempts: {AWAY}" in operation.error_message
    assert "The modules of before were brought back; Kubernetes stays at 1.34.8" in operation.error_message
    shown = {one.name: one.state for one in timeline(operation, attempts_of(operation))}
    assert shown["install_modules"] is StepState.FAILED
    assert "verify_upgrade" not in shown, "what was left out has not happened"
    retry_operation(actor=world.sam.actor, operation_id=operation.pk)
    shown = {one.name: one.state for one in timeline(again(operation), attempts_of(operation))}
    assert (shown["snapshot_owned"], shown["install_modules"]) == (StepState.RUNNING, StepState.PENDING)
    fulfil(operation)
    runtime.refresh_from_db()
    assert (runtime.phase, runtime.release_key) == ("ready", "2026.10.1")
    assert operation.kept["report"]["before"]["kubernetes"] == "1.33.8"
    assert operation.kept["report"]["reasons"] == []


@pytest.mark.parametrize(
    ("step", "broken"),
    [
        ("remove_modules", "provisioner.steps.remove_modules.unwanted"),
        ("verify_upgrade", "provisioner.steps.verify_upgrade.look"),
    ],
)
def test_whichever_step_gives_up_the_modules_come_back(
    world: World, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, step: str, broken: str
) -> None:
    before = wished(runtime)
    operation = upgrade(world, runtime)
    with monkeypatch.context() as patch:
        patch.setattr(broken, away)
        fulfil(operation, until="failed")
    assert_halted(operation, runtime, before)
    assert installed(runtime) == before
    assert operation.kept["verdict"]["step"] == step


def test_a_step_that_kills_its_worker_every_time_brings_the_modules_back(
    world: World, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kills(*_: object) -> Any:
        raise Killed

    before = wished(runtime)
    operation = upgrade(world, runtime)
    with monkeypatch.context() as patch:
        patch.setattr("provisioner.steps.install_modules.install", kills)
        fulfil(operation, until="failed")
    assert_halted(operation, runtime, before)
    assert installed(runtime) == before
    assert "The worker died" in operation.error_message


def test_a_worker_that_dies_as_a_step_gives_up_leaves_either_all_of_that_or_nothing(
    world: World, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, deaths = ledger.checkpoint, ["before", "behind"]

    def dying(held: Any, change: Any) -> Any:
        if not change.gave_up or not deaths:
            return checkpoint(held, change)
        if deaths.pop(0) == "before":
            raise Killed
        checkpoint(held, change)
        raise Killed

    before = wished(runtime)
    operation = upgrade(world, runtime)
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "checkpoint", dying)
        patch.setattr("provisioner.steps.install_modules.install", away)
        fulfil(operation, until="failed")
    assert not deaths
    assert_halted(operation, runtime, before)
    assert installed(runtime) == before


def test_an_operation_out_of_time_still_has_time_to_bring_the_modules_back(
    world: World, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = wished(runtime)
    operation = upgrade(world, runtime)
    with monkeypatch.context() as patch:
        patch.setattr("provisioner.steps.install_modules.install", away)
        reach(operation, lambda one: one.step == "install_modules" and one.state == "waiting")
        work.time_passes(operation)
        patch.setattr("provisioner.steps.roll_back_modules.install", away)
        reach(operation, lambda one: one.step == "roll_back_modules" and one.state == "waiting")
    assert operation.step_started_at is not None
    assert operation.deadline - operation.step_started_at >= roll_back_modules.step.deadline
    fulfil(operation, until="failed")
    assert_halted(operation, runtime, before)
    assert "did not end before its deadline" in operation.error_message
    assert installed(runtime) == before


def test_checks_that_end_well_behind_the_deadline_roll_no_good_modules_back(
    world: World, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = upgrade(world, runtime)
    with monkeypatch.context() as patch:
        patch.setattr("provisioner.steps.verify_upgrade.look", away)
        reach(operation, lambda one: (one.step, one.state) == ("verify_upgrade", "waiting"))
    work.time_passes(operation)
    fulfil(operation)
    assert operation.kept["report"]["reasons"] == []
    runtime.refresh_from_db()
    assert (runtime.phase, runtime.release_key) == ("ready", "2026.10.1")
    new = wished(runtime)
    assert installed(runtime) == new != versions(operation.kept["before"]["modules"])


def tried_in_vain(operation: Operation) -> int:
    return OperationAttempt.objects.filter(
        operation=operation, step="roll_back_modules", outcome="retry"
    ).count()


def test_a_cluster_that_is_away_for_hours_gets_its_modules_back_when_it_answers(
    world: World, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = wished(runtime)
    operation = upgrade(world, runtime)
    with monkeypatch.context() as patch:
        patch.setattr("provisioner.steps.install_modules.install", away)
        patch.setattr("provisioner.steps.roll_back_modules.install", away)
        reach(operation, lambda one: tried_in_vain(one) > 2 * roll_back_modules.step.max_attempts)
        work.time_passes(operation, timedelta(hours=10))
        tried = tried_in_vain(operation)
        reach(operation, lambda one: tried_in_vain(one) > tried)
    with monkeypatch.context() as patch:
        patch.setattr("provisioner.steps.roll_back_modules.look", starting_at_first())
        reasons = fulfil(operation, until="failed")
    waited = [reason for reason in reasons if "of before is not ready yet: it starts" in reason]
    assert waited, "they were given the time to start that they need"
    assert_halted(operation, runtime, before)
    assert installed(runtime) == before


def starting_at_first() -> Callable[..., list[Sight]]:
    """Return a look at modules that finds one of them still starting the first time."""
    looks: list[int] = []

    def seen(api: Any, rendered: Any) -> list[Sight]:
        looks.append(1)
        first, *others = look(api, rendered)
        return [replace(first, complaints=("it starts",)) if len(looks) == 1 else first, *others]

    return seen


def lasting(*_: object) -> Any:
    raise Fatal("The cluster refuses it.", code="refused", audience=Audience.SRE)


def too_late(operation: Operation) -> None:
    reach(operation, lambda one: one.step == "roll_back_modules" and one.state == "waiting")
    work.time_passes(operation)


@pytest.mark.parametrize(
    ("fault", "meanwhile", "said"),
    [
        (lasting, lambda _: None, "The cluster refuses it"),
        (away, too_late, "did not end before its deadline"),
    ],
)
def test_modules_that_do_not_even_come_back_are_wanted_again_and_said_to_be_missing(
    world: World,
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
    fault: Any,
    meanwhile: Callable[[Operation], None],
    said: str,
) -> None:
    def refused(*_: object) -> Any:
        raise Fatal("Yours refuses it.", code="module_object_there", audience=Audience.TENANT)

    before = wished(runtime)
    operation = upgrade(world, runtime)
    with monkeypatch.context() as patch:
        patch.setattr("provisioner.steps.install_modules.install", refused)
        patch.setattr("provisioner.steps.roll_back_modules.install", fault)
        meanwhile(operation)
        fulfil(operation, until="failed")
    assert_halted(operation, runtime, before)
    assert "The modules of before are wanted again and not back" in operation.error_message
    assert any(said in reason for reason in operation.kept["report"]["reasons"])
    assert operation.error_audience == "sre", "the tenant's part is not all that is to be mended"
    retry_operation(actor=world.sam.actor, operation_id=operation.pk)
    fulfil(operation)
    assert installed(runtime) == wished(runtime) != before


def test_where_the_cluster_did_not_answer_before_its_modules_were_touched_it_is_not_asked_for_them(
    world: World, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = wished(runtime)
    operation = upgrade(world, runtime)
    with monkeypatch.context() as patch:
        patch.setattr("provisioner.steps.verify_access.is_ready", away)
        patch.setattr("provisioner.steps.roll_back_modules.install", lasting)
        fulfil(operation, until="failed")
    assert_halted(operation, runtime, before)
    assert "No module was changed; Kubernetes stays at 1.34.8" in operation.error_message
    assert operation.error_code == "verify_access_gave_up", (
        "another cause than one that gave up at the modules"
    )
