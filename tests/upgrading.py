"""Upgrades for tests: worked off by the real flow and driver, whoever dies or does not answer meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

import pytest

from controlplane.catalog.releasing import point_channel
from controlplane.kernel.errors import Retry
from provisioner.drivers.registry import connect
from provisioner.lifecycle.upgrade import upgrade_runtime
from provisioner.modules.installing import Sight, install
from provisioner.modules.models import RuntimeModule
from provisioner.operations import sweeping
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from tests import work
from tests.plugins.simulator import Simulator
from tests.work import again
from tests.world import World, landscape, order

AWAY = "failed calling webhook guard.shop.example: context deadline exceeded"


class Killed(BaseException):
    """A worker that is no more: nothing of the product's catches it."""


def fulfil(operation: Operation, *, until: str = "succeeded", seconds: float = 30.0) -> list[str]:
    """Work with the real flow and driver until the operation is in that state, sparing it the waits; return their reasons."""
    deadline, reasons = time.monotonic() + seconds, list[str]()
    while again(operation).state != until:
        assert operation.state not in {"failed", "succeeded"}, operation.error_message
        assert time.monotonic() < deadline, operation.reason
        if operation.reason not in reasons:
            reasons.append(operation.reason)
        turn(operation)
        time.sleep(0.05)
    return reasons


def reach(operation: Operation, there: Callable[[Operation], bool], *, seconds: float = 30.0) -> None:
    """Work until the operation is open and as described."""
    deadline = time.monotonic() + seconds
    while not there(again(operation)):
        assert operation.state not in {"failed", "succeeded"}, operation.error_message
        assert time.monotonic() < deadline, operation.reason
        turn(operation)


def turn(operation: Operation) -> None:
    """Work off what is due, the operation's wait being over."""
    work.wait_ends(operation)
    sweeping.sweep()
    try:
        work.worker(connect=connect).work(1.0)
    except Killed:
        work.lease_ends(operation)


def wished(runtime: Runtime) -> dict[str, str]:
    """Return {module: version} of what the row wants."""
    runtime.refresh_from_db()
    return versions(runtime.cluster_spec["modules"])


def installed(runtime: Runtime) -> dict[str, str]:
    """Return {module: version} of what was last seen whole and well in the cluster."""
    return dict(RuntimeModule.objects.filter(runtime=runtime).values_list("key", "observed_version"))


def versions(modules: Any) -> dict[str, str]:
    return {wish["key"]: wish["version"] for wish in modules}


@contextmanager
def ready_to_upgrade(world: World, simulator: Simulator) -> Iterator[Runtime]:
    """A runtime of the release before the newest, built by the real flow; its cluster goes with the test."""
    landscape("upgraded", kubeconfig=simulator.kubeconfig, tokens=1000.0, burst=1000.0)
    point_channel(actor=world.sam.actor, key="regular", release="2026.9.1")
    built = order(world)
    fulfil(built)
    yield built.runtime
    simulator.delete_shoot(built.runtime.cluster_name)


def upgrade(world: World, runtime: Runtime) -> Operation:
    """Alice upgrades it by one release."""
    return upgrade_runtime(actor=world.alice.actor, runtime_id=runtime.id, release="2026.10.1")


def away(*_: object) -> Any:
    """Stand in for whatever asks a cluster that does not answer now."""
    raise Retry(AWAY)


def stops_answering(behind: int) -> Callable[[Any, Any, Any], None]:
    """Install as ever, but for a cluster that takes only so many objects each time."""

    class Half:
        def __init__(self, api: Any) -> None:
            self.api, self.left = api, behind

        def __getattr__(self, name: str) -> Any:
            return getattr(self.api, name)

        def apply(self, document: Any) -> Any:
            self.left -= 1
            return self.api.apply(document) if self.left >= 0 else away()

    return lambda api, rendered, memory: install(cast("Any", Half(api)), rendered, memory)


@contextmanager
def unwell(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a module be unwell behind the upgrade."""

    def look(_: object, rendered: Any) -> list[Sight]:
        return [Sight(one.wish.key, complaints=("it crashes",)) for one in rendered[:1]]

    with monkeypatch.context() as patch:
        patch.setattr("provisioner.steps.verify_upgrade.PATIENCE", timedelta(0))
        patch.setattr("provisioner.steps.verify_upgrade.look", look)
        patch.setattr("provisioner.steps.verify_upgrade.settle", lambda *_: [])
        yield


def assert_halted(operation: Operation, runtime: Runtime, before: dict[str, str]) -> None:
    """What is to be so however an upgrade was halted: the row tells the truth, and the report is there."""
    operation.refresh_from_db()
    runtime.refresh_from_db()
    assert (operation.state, operation.step) == ("failed", "conclude_upgrade")
    assert (runtime.phase, runtime.release_key) == ("failed", "2026.9.1")
    assert wished(runtime) == before
    report = operation.kept["report"]
    assert (report["outcome"], report["before"]["release"]) == ("halted", "2026.9.1")
    assert versions(report["before"]["modules"]) == versions(report["after"]["modules"]) == before
    if operation.kept["modules_brought_back"]:
        assert report["after"]["nodes"].keys() == {report["after"]["kubernetes"]}, "it was looked at again"
