"""A runtime comes from one release to another by the real flow and driver: hop by hop, judged, and halted where it does worse."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest

from controlplane.catalog.releasing import point_channel
from provisioner.lifecycle.upgrade import upgrade_runtime
from provisioner.modules.installing import Sight, install
from provisioner.modules.models import RuntimeModule
from provisioner.operations import ledger
from provisioner.operations.services import retry_operation
from provisioner.runtimes.models import Runtime
from provisioner.steps import roll_back_modules
from tests.plugins.simulator import Simulator
from tests.upgrading import Killed, fulfil
from tests.world import World, landscape, order

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def somewhere_to_build(world: World, simulator: Simulator) -> None:
    landscape("upgraded", kubeconfig=simulator.kubeconfig)
    point_channel(actor=world.sam.actor, key="regular", release="2026.9.1")


def killed_while_bringing_modules_back(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Kill a worker once at every place of that step, and return where they still have to die."""
    places = ["asked", "half-way", "brought", "unwritten"]
    checkpoint = ledger.checkpoint

    def dies_at(place: str) -> None:
        if places and places[0] == place:
            raise Killed(places.pop(0))

    class Dying:
        def __init__(self, api: Any) -> None:
            self.api, self.applied = api, 0

        def apply(self, document: Any) -> Any:
            self.applied += 1
            if self.applied > 3:
                dies_at("half-way")
            return self.api.apply(document)

    def installing(api: Any, rendered: Any, memory: Any) -> None:
        dies_at("asked")
        install(cast("Any", Dying(api)), rendered, memory)
        dies_at("brought")

    def written(held: Any, change: Any) -> Any:
        if held.step == "roll_back_modules" and change.step_done:
            dies_at("unwritten")
        return checkpoint(held, change)

    monkeypatch.setattr(roll_back_modules, "install", installing)
    monkeypatch.setattr(ledger, "checkpoint", written)
    return places


def test_two_minors_up_the_control_plane_passes_the_one_between_and_the_workers_are_rolled_once(
    world: World, simulator: Simulator
) -> None:
    built = order(world)
    fulfil(built)
    runtime: Runtime = built.runtime
    operation = upgrade_runtime(actor=world.alice.actor, runtime_id=runtime.id, release="2026.11.1")
    assert [hop["key"] for hop in operation.input["hops"]] == ["2026.10.1", "2026.11.1"]
    reasons = fulfil(operation, seconds=60)
    runtime.refresh_from_db()
    assert (runtime.phase, runtime.release_key) == ("ready", "2026.11.1")
    assert runtime.observed_generation == runtime.generation
    assert runtime.cluster_spec["kubernetes_version"] == runtime.cluster_spec["workers_version"] == "1.35.4"
    report = operation.kept["report"]
    assert report["outcome"] == "succeeded"
    assert {"what": "Kubernetes", "before": "1.33.8", "after": "1.35.4"} in report["changes"]
    assert report["before"]["nodes"].keys() == {"1.33.8"}
    assert report["after"]["nodes"].keys() == {"1.35.4"}
    assert reasons
    simulator.delete_shoot(runtime.cluster_name)


def test_a_module_that_does_not_get_well_halts_the_upgrade_and_only_modules_go_back_whoever_dies_meanwhile(
    world: World, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = order(world)
    fulfil(built)
    runtime: Runtime = built.runtime
    before = {wish["key"]: wish["version"] for wish in runtime.cluster_spec["modules"]}
    operation = upgrade_runtime(actor=world.alice.actor, runtime_id=runtime.id, release="2026.10.1")

    def unwell(_: object, rendered: Any) -> list[Sight]:
        return [Sight(one.wish.key, complaints=("it crashes",)) for one in rendered[:1]]

    monkeypatch.setattr("provisioner.steps.verify_upgrade.PATIENCE", timedelta(0))
    monkeypatch.setattr("provisioner.steps.verify_upgrade.look", unwell)
    monkeypatch.setattr("provisioner.steps.verify_upgrade.settle", lambda *_: [])
    to_die = killed_while_bringing_modules_back(monkeypatch)
    fulfil(operation, until="failed")
    assert not to_die
    runtime.refresh_from_db()
    assert (operation.error_code, operation.step) == ("upgrade_halted", "conclude_upgrade")
    assert "it crashes" in operation.error_message
    assert "Kubernetes stays at 1.34.8" in operation.error_message
    assert (runtime.phase, runtime.release_key) == ("failed", "2026.9.1")
    assert {wish["key"]: wish["version"] for wish in runtime.cluster_spec["modules"]} == before
    assert (
        dict(RuntimeModule.objects.filter(runtime=runtime).values_list("key", "observed_version")) == before
    )
    assert runtime.cluster_spec["kubernetes_version"] == "1.34.8"
    report = operation.kept["report"]
    assert report["outcome"] == "halted"
    assert [change["what"] for change in report["changes"]] == ["Kubernetes", "Machine image"]
    monkeypatch.undo()
    retry_operation(actor=world.sam.actor, operation_id=operation.pk)
    fulfil(operation)
    runtime.refresh_from_db()
    assert (runtime.phase, runtime.release_key) == ("ready", "2026.10.1")
    assert operation.kept["report"]["before"]["kubernetes"] == "1.33.8"
    simulator.delete_shoot(runtime.cluster_name)


def test_a_sick_cluster_is_not_upgraded_and_stays_as_it_was(world: World, simulator: Simulator) -> None:
    built = order(world)
    fulfil(built)
    runtime: Runtime = built.runtime
    simulator.delete_shoot(runtime.cluster_name)
    operation = upgrade_runtime(actor=world.alice.actor, runtime_id=runtime.id, release="2026.10.1")
    fulfil(operation, until="failed")
    runtime.refresh_from_db()
    assert operation.step == "preflight_upgrade"
    assert runtime.phase == "ready"
    assert "has no cluster" in runtime.message
