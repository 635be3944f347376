"""An upgrade looks into the cluster before it begins: what blocks it now counts, whatever was found there hours ago."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from itertools import chain, repeat
from threading import Event
from typing import Any

import pytest

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Retry
from controlplane.tenants.access import SYSTEM
from provisioner.drivers.base import ClusterRef, LandscapeAccess
from provisioner.drivers.registry import connect
from provisioner.findings import beforehand, looking, visiting, writing
from provisioner.findings.models import Check, Finding
from provisioner.findings.rules.registry import all_rules, blocking_rules
from provisioner.findings.waiving import look_again, waive_finding
from provisioner.landscapes.models import Landscape
from provisioner.modules import installing
from provisioner.operations.models import Operation
from provisioner.runtimes.inside import ClusterApi, ObjectRef
from provisioner.runtimes.models import Runtime
from tests.findings import BREAKING, clean, seen
from tests.plugins.simulator import Simulator
from tests.upgrading import away, fulfil, reach, ready_to_upgrade, upgrade
from tests.work import again
from tests.world import World

pytestmark = pytest.mark.django_db
SHOP = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}


def inside(runtime: Runtime) -> AbstractContextManager[ClusterApi]:
    place = runtime.landscape
    driver = connect(kind=place.kind, access=LandscapeAccess.of(place, timeout_seconds=10.0))
    return driver.inside(ClusterRef(runtime.cluster_name, owner=str(runtime.pk)))


def hindered(runtime: Runtime) -> None:
    """Somebody makes a disruption budget that can't be met."""
    with inside(runtime) as api:
        api.apply(SHOP)
        for document in BREAKING["unmeetable-budgets"][0]():
            api.apply(document)


def found_before(runtime: Runtime) -> None:
    """A look of an earlier hour found something that blocks."""
    Finding.objects.create(
        runtime=runtime, rule="removed-apis", api_version="v1", kind="Pod", namespace="shop", name="old",
        severity="blocking", audience="tenant", sentence="Pod shop/old is old.", remedy="Renew it.", since=utcnow(),
    )  # fmt: skip


def begun(operation: Operation) -> None:
    reach(operation, lambda one: one.step not in {"", "preflight_upgrade"})


def test_a_budget_made_after_the_last_look_stops_an_upgrade_before_it_begins(
    world: World, simulator: Simulator
) -> None:
    with ready_to_upgrade(world, simulator) as runtime:
        hindered(runtime)
        Check.objects.create(runtime=runtime, due_at=utcnow(), looked_at=utcnow() - timedelta(hours=1))
        asked = Check.objects.get()
        operation = upgrade(world, runtime)
        fulfil(operation, until="failed")
        assert (operation.step, operation.error_code, operation.error_audience) == (
            "preflight_upgrade",
            "upgrade_blocked",
            "tenant",
        )
        assert "PodDisruptionBudget shop/never" in operation.error_message
        runtime.refresh_from_db()
        assert (runtime.phase, runtime.release_key) == ("ready", "2026.9.1")
        assert list(Finding.objects.values_list("rule", flat=True)) == ["unmeetable-budgets"]
        assert Check.objects.get().due_at == asked.due_at  # its own round is still to come
        look_again(actor=SYSTEM, runtime_id=runtime.pk)
        assert visiting.tick() == 1
        lately = utcnow() - timedelta(minutes=5)
        assert Check.objects.filter(looked_at__gt=lately).exists(), "though its wish was not fulfilled"
        waive_finding(
            actor=SYSTEM, runtime_id=runtime.pk, rule="unmeetable-budgets", owner="ada", reason="moves",
            expires_at=utcnow() + timedelta(days=3),
        )  # fmt: skip
        waived = upgrade(world, runtime)
        begun(waived)


@pytest.mark.parametrize("minutes", [1, 10])
def test_a_look_of_a_moment_ago_is_enough_and_other_rules_findings_stay(
    world: World, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    looks = []

    def look(*given: Any, **more: Any) -> Any:
        looks.append(more["rules"])
        return real(*given, **more)

    real = looking.look
    monkeypatch.setattr(visiting, "look", look)
    with ready_to_upgrade(world, simulator) as runtime:
        Finding.objects.create(
            runtime=runtime, rule="missing-requests", api_version="v1", kind="Pod", namespace="shop", name="modest",
            severity="warning", audience="tenant", sentence="It says nothing.", remedy="Say it.", since=utcnow(),
        )  # fmt: skip
        at = utcnow() - timedelta(minutes=minutes)
        Check.objects.create(runtime=runtime, due_at=utcnow(), looked_at=at)
        begun(upgrade(world, runtime))
        assert looks == ([] if minutes == 1 else [blocking_rules()])
        assert Finding.objects.count() == 1


@pytest.mark.parametrize(("code", "told"), [("timed_out", "cluster_slow"), ("unreachable", "unreachable")])
def test_a_cluster_that_does_not_answer_is_asked_again(
    world: World, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, code: str, told: str
) -> None:
    asked = []

    def silent_first(*given: Any, **more: Any) -> Any:
        asked.append(given)
        if len(asked) == 1:
            raise Retry("The API does not answer.", code=code)
        return real(*given, **more)

    real = looking.look
    monkeypatch.setattr(visiting, "look", silent_first)
    with ready_to_upgrade(world, simulator) as runtime:
        operation = upgrade(world, runtime)
        reach(operation, lambda _: bool(asked))
        assert (again(operation).step, operation.error_code) == ("preflight_upgrade", told)
        begun(operation)
        assert len(asked) == 2


@pytest.mark.parametrize("phase", ["ready", "failed"])
def test_what_stopped_an_upgrade_is_looked_at_again_soon_whatever_the_runtime_was_before(
    world: World, simulator: Simulator, phase: str
) -> None:
    with ready_to_upgrade(world, simulator) as runtime:
        hindered(runtime)
        late = utcnow() + timedelta(hours=20)
        Check.objects.create(runtime=runtime, due_at=late, looked_at=utcnow() - timedelta(hours=1), quiet=4)
        Runtime.objects.filter(pk=runtime.pk).update(phase=phase)
        fulfil(upgrade(world, runtime), until="failed")
        check = Check.objects.get()
        assert check.quiet == 0
        assert check.due_at <= utcnow() + writing.SOON
        runtime.refresh_from_db()
        assert (runtime.phase, runtime.observed_generation == runtime.generation) == (phase, False)
        with inside(runtime) as api:
            api.delete(ObjectRef("policy/v1", "PodDisruptionBudget", "never", "shop"))
        Check.objects.update(due_at=utcnow() - timedelta(hours=1))
        assert visiting.tick() == 1
        assert not Finding.objects.exists()
        begun(upgrade(world, runtime))


def test_a_runtime_that_nobody_looked_at_before_is_looked_at_soon_too(
    world: World, simulator: Simulator
) -> None:
    with ready_to_upgrade(world, simulator) as runtime:
        hindered(runtime)
        fulfil(upgrade(world, runtime), until="failed")
        assert Check.objects.get().due_at <= utcnow() + writing.SOON


def test_a_rule_that_breaks_over_an_object_leaves_what_it_found_before_and_stops_no_other(
    world: World, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = dict(blocking_rules())
    rules["removed-apis"] = replace(rules["removed-apis"], check=lambda _: 1 / 0)  # type: ignore[arg-type, return-value]
    monkeypatch.setattr(beforehand, "blocking_rules", lambda: rules)
    with ready_to_upgrade(world, simulator) as runtime:
        hindered(runtime)
        operation = upgrade(world, runtime)
        found_before(runtime)
        fulfil(operation, until="failed")
        assert operation.error_code == "upgrade_blocked"
        assert set(Finding.objects.values_list("rule", flat=True)) == {"removed-apis", "unmeetable-budgets"}


def test_a_look_that_breaks_fails_no_upgrade(
    world: World, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visiting, "look", lambda *_, **__: 1 / 0)
    with ready_to_upgrade(world, simulator) as runtime:
        begun(upgrade(world, runtime))


def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the cluster take longer than anybody waits."""
    monkeypatch.setattr(beforehand, "LONGEST_SECONDS", 0.2)
    monkeypatch.setattr(visiting, "look", lambda *_, **__: Event().wait(60.0))


def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one list of the cluster take longer than its driver waits, each time."""

    def unanswered(*_: Any, **__: Any) -> Any:
        raise Retry("The API does not answer.", code="timed_out")

    monkeypatch.setattr(visiting, "look", unanswered)


@pytest.mark.parametrize("trouble", [slow, silent])
def test_a_slow_cluster_is_upgraded_in_the_end_and_is_no_fault_of_its_landscape(
    world: World,
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Callable[[pytest.MonkeyPatch], None],
) -> None:
    with ready_to_upgrade(world, simulator) as runtime:
        trouble(monkeypatch)
        operation = upgrade(world, runtime)
        reach(operation, lambda one: one.error_code == "cluster_slow")
        assert (operation.state, operation.step) == ("waiting", "preflight_upgrade")
        begun(operation)
        place = Landscape.objects.get(pk=runtime.landscape_id)
        assert (place.breaker, place.breaker_faults) == ("closed", 0)


def looks_in_turn(monkeypatch: pytest.MonkeyPatch, *troubles: Exception) -> list[float]:
    """Let each look meet the next trouble; return the seconds that they are given, as they come."""
    coming, given = iter(troubles), list[float]()

    def meet(*_: Any, seconds: float, **__: Any) -> Any:
        given.append(seconds)
        raise next(coming)

    monkeypatch.setattr(visiting, "look_into", meet)
    return given


def test_an_api_that_refuses_connections_is_no_slow_one(
    world: World, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ready_to_upgrade(world, simulator) as runtime:
        refusal = Retry("The API does not answer.", code="unreachable")
        looks = looks_in_turn(monkeypatch, *[refusal] * 3, visiting.TooSlow(), visiting.TooSlow())
        operation = upgrade(world, runtime)
        reach(operation, lambda one: one.error_code == "cluster_slow")
        assert len(looks) == 4
        begun(operation)
        assert len(looks) == 5


def test_a_cluster_that_was_slow_twice_is_given_less_time_where_the_step_is_tried_again(
    world: World, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: Iterator[Callable[..., Any]] = chain([away], repeat(installing.strange))

    def away_once(*given: Any) -> Any:
        return next(answers)(*given)

    monkeypatch.setattr("provisioner.steps.preflight_upgrade.strange", away_once)
    with ready_to_upgrade(world, simulator) as runtime:
        looks = looks_in_turn(monkeypatch, *[visiting.TooSlow()] * 3)
        begun(upgrade(world, runtime))
        assert [seconds > beforehand.SHORT_SECONDS for seconds in looks] == [True, True, False]


def test_what_was_found_in_a_slow_cluster_before_stops_its_upgrade(
    world: World, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ready_to_upgrade(world, simulator) as runtime:
        slow(monkeypatch)
        operation = upgrade(world, runtime)
        found_before(runtime)
        fulfil(operation, until="failed")
        assert (operation.error_code, operation.error_audience) == ("upgrade_blocked", "tenant")
        assert "Pod shop/old is old." in operation.error_message


def test_rules_say_themselves_whether_they_may_block() -> None:
    found = set()
    for key, rule in all_rules().items():
        island = clean()
        for document in BREAKING[key][0]():
            island.apply(document)
        if any(one.severity == "blocking" for one in rule.check(seen(island))):
            found.add(key)
    assert found == blocking_rules().keys()
