"""Bringing back the modules of before goes on where a fault or a death cut it off, whoever switched them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from controlplane.kernel.errors import Audience, Fatal
from provisioner.modules.installing import install
from provisioner.operations.models import Operation
from provisioner.operations.services import cancel_operation, retry_operation
from provisioner.runtimes.models import Runtime
from tests.plugins.simulator import Simulator
from tests.upgrading import away, fulfil, installed, reach, ready_to_upgrade, turn, upgrade, wished
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def runtime(world: World, simulator: Simulator) -> Iterator[Runtime]:
    with ready_to_upgrade(world, simulator) as built:
        yield built


def away_at_first() -> Callable[..., None]:
    """Return an installation during which the cluster is away the first time."""
    calls: list[int] = []

    def flaky(api: Any, rendered: Any, memory: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            away()
        install(api, rendered, memory)

    return flaky


def refuses(*_: object) -> Any:
    raise Fatal("The cluster refuses it.", code="refused", audience=Audience.SRE)


def held_at_the_checks(operation: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bring an upgrade behind its modules, and no further."""
    with monkeypatch.context() as patch:
        patch.setattr("provisioner.steps.verify_upgrade.look", away)
        reach(operation, lambda one: (one.step, one.state) == ("verify_upgrade", "waiting"))


def test_modules_that_an_older_upgrade_left_come_back_though_the_first_try_fails(
    world: World, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = wished(runtime)
    first = upgrade(world, runtime)
    held_at_the_checks(first, monkeypatch)
    cancel_operation(actor=world.sam.actor, operation_id=first.pk)
    for _ in range(20):
        first.refresh_from_db()
        if first.state == "cancelled":
            break
        turn(first)
    assert wished(runtime) != before
    second = upgrade(world, runtime)
    with monkeypatch.context() as patch:
        patch.setattr("provisioner.steps.verify_access.is_ready", away)
        patch.setattr("provisioner.steps.roll_back_modules.install", away_at_first())
        fulfil(second, until="failed")
    assert (wished(runtime), installed(runtime)) == (before, before)
    second.refresh_from_db()
    assert "No module was changed" not in second.error_message


def test_a_retry_that_fails_early_brings_back_what_the_try_before_could_not(
    world: World, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = wished(runtime)
    operation = upgrade(world, runtime)
    with monkeypatch.context() as patch:
        patch.setattr("provisioner.steps.verify_upgrade.look_at", refuses)
        patch.setattr("provisioner.steps.roll_back_modules.install", refuses)
        fulfil(operation, until="failed")
    assert "wanted again and not back" in operation.error_message
    assert wished(runtime) == before != installed(runtime)
    retry_operation(actor=world.sam.actor, operation_id=operation.pk)
    with monkeypatch.context() as patch:
        patch.setattr("provisioner.steps.verify_access.is_ready", away)
        fulfil(operation, until="failed")
    assert "The modules of before were brought back" in operation.error_message
    assert (wished(runtime), installed(runtime)) == (before, before)


def test_an_upgrade_that_an_older_program_began_is_brought_back_all_the_same(
    world: World, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = wished(runtime)
    operation = upgrade(world, runtime)
    held_at_the_checks(operation, monkeypatch)
    kept = {name: value for name, value in operation.kept.items() if name != "modules_switched"}
    kept["modules_before"] = kept["before"]["modules"]
    Operation.objects.filter(pk=operation.pk).update(kept=kept)
    with monkeypatch.context() as patch:
        patch.setattr("provisioner.steps.verify_upgrade.look", refuses)
        patch.setattr("provisioner.steps.roll_back_modules.install", away_at_first())
        fulfil(operation, until="failed")
    assert (wished(runtime), installed(runtime)) == (before, before)
    operation.refresh_from_db()
    assert "were brought back" in operation.error_message
