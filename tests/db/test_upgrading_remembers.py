"""What an upgrade brings back is what was really there, whatever ended half-way, came in between or was skipped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from provisioner.lifecycle.modules import configure_module
from provisioner.lifecycle.upgrade import upgrade_runtime
from provisioner.operations.services import cancel_operation, retry_operation, skip_step
from provisioner.runtimes.models import Runtime
from tests import work
from tests.plugins.simulator import Simulator
from tests.upgrading import (
    assert_halted,
    away,
    fulfil,
    installed,
    reach,
    ready_to_upgrade,
    stops_answering,
    unwell,
    upgrade,
    versions,
    wished,
)
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def runtime(world: World, simulator: Simulator) -> Iterator[Runtime]:
    with ready_to_upgrade(world, simulator) as built:
        yield built


def test_what_the_tenant_set_meanwhile_stays_set(
    world: World, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = wished(runtime)
    operation = upgrade(world, runtime)
    with monkeypatch.context() as patch:
        patch.setattr("provisioner.steps.install_modules.install", away)
        reach(operation, lambda one: one.step == "install_modules" and one.state == "waiting")
        configure_module(
            actor=world.alice.actor,
            runtime_id=runtime.id,
            module="service-mesh",
            settings={"mutualTLS": "permissive"},
        )
        fulfil(operation, until="failed")
    report = operation.kept["report"]
    assert versions(report["after"]["modules"]) == before
    runtime.refresh_from_db()
    set_now = {wish["key"]: wish["settings"] for wish in runtime.cluster_spec["modules"]}
    assert set_now["service-mesh"] == {"mutualTLS": "permissive"}


def test_an_upgrade_behind_one_that_was_cancelled_half_way_knows_what_was_there_before_that(
    world: World, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = wished(runtime)
    operation = upgrade(world, runtime)
    with monkeypatch.context() as patch:
        patch.setattr("provisioner.steps.install_modules.install", stops_answering(20))
        reach(operation, lambda one: one.step == "install_modules" and one.state == "waiting")
    cancel_operation(actor=world.alice.actor, operation_id=operation.pk)
    assert wished(runtime) != before
    second = upgrade(world, runtime)
    with unwell(monkeypatch):
        fulfil(second, until="failed")
    assert_halted(second, runtime, before)
    assert installed(runtime) == before
    assert "it crashes" in second.error_message


def test_an_upgrade_behind_another_goes_back_to_what_that_one_led_to(
    world: World, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = upgrade(world, runtime)
    second = upgrade_runtime(actor=world.sam.actor, runtime_id=runtime.id, release="2026.11.1", urgent=True)
    assert second.input["before"]["key"] == "2026.9.1", "as it was when it was ordered"
    fulfil(first)
    between = wished(runtime)
    with unwell(monkeypatch):
        fulfil(second, until="failed")
    runtime.refresh_from_db()
    assert (runtime.release_key, wished(runtime)) == ("2026.10.1", between)
    report = second.kept["report"]
    assert (report["before"]["release"], report["before"]["kubernetes"]) == ("2026.10.1", "1.34.8")
    assert report["after"]["release"] == "2026.10.1"


def test_who_skips_the_checks_takes_the_upgrade_as_it_is(
    world: World, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = upgrade(world, runtime)
    with monkeypatch.context() as patch:
        patch.setattr("provisioner.steps.verify_upgrade.look", away)
        reach(operation, lambda one: one.step == "verify_upgrade" and one.state == "waiting")
        skip_step(actor=world.sam.actor, operation_id=operation.pk, reason="Looked myself.")
        fulfil(operation)
    runtime.refresh_from_db()
    assert runtime.release_key == "2026.10.1"
    assert {wish["key"]: wish["version"] for wish in runtime.cluster_spec["modules"]}["isolation"] == "1.4.0"


def test_a_halted_upgrade_does_not_become_a_good_one_by_a_skip(
    world: World, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = wished(runtime)
    operation = upgrade(world, runtime)
    with unwell(monkeypatch):
        fulfil(operation, until="failed")
    with work.refused("step_not_skippable"):
        skip_step(actor=world.sam.actor, operation_id=operation.pk, reason="Looked myself.")
    assert_halted(operation, runtime, before)


def test_a_retry_whose_first_step_is_skipped_is_judged_anew(
    world: World, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = upgrade(world, runtime)
    with unwell(monkeypatch):
        fulfil(operation, until="failed")
    retry_operation(actor=world.sam.actor, operation_id=operation.pk)
    skip_step(actor=world.sam.actor, operation_id=operation.pk, step="snapshot_owned", reason="Seen before.")
    fulfil(operation)
    runtime.refresh_from_db()
    assert (runtime.phase, runtime.release_key) == ("ready", "2026.10.1")
    assert installed(runtime) == wished(runtime) != versions(operation.kept["before"]["modules"])
