"""An upgrade looks into the cluster before it begins: what blocks it now counts, whatever was found there hours ago."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Retry
from controlplane.tenants.access import SYSTEM
from provisioner.drivers.base import ClusterRef, LandscapeAccess
from provisioner.drivers.registry import connect
from provisioner.findings import looking, visiting
from provisioner.findings.models import Check, Finding
from provisioner.findings.rules.registry import all_rules, blocking_rules
from provisioner.findings.waiving import look_again, waive_finding
from provisioner.runtimes.models import Runtime
from tests.findings import BREAKING, clean, seen
from tests.plugins.simulator import Simulator
from tests.upgrading import fulfil, reach, ready_to_upgrade, upgrade
from tests.work import again
from tests.world import World

pytestmark = pytest.mark.django_db
SHOP = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}


def hindered(runtime: Runtime) -> None:
    """Somebody makes a disruption budget that can't be met."""
    place = runtime.landscape
    driver = connect(kind=place.kind, access=LandscapeAccess.of(place, timeout_seconds=10.0))
    with driver.inside(ClusterRef(runtime.cluster_name, owner=str(runtime.pk))) as api:
        api.apply(SHOP)
        for document in BREAKING["unmeetable-budgets"][0]():
            api.apply(document)


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
        reach(waived, lambda one: one.step not in {"", "preflight_upgrade"})


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
        reach(upgrade(world, runtime), lambda one: one.step not in {"", "preflight_upgrade"})
        assert looks == ([] if minutes == 1 else [blocking_rules()])
        assert Finding.objects.count() == 1


def test_a_cluster_that_does_not_answer_is_asked_again(
    world: World, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def silent_first(*given: Any, **more: Any) -> Any:
        asked.append(given)
        if len(asked) == 1:
            raise Retry("The API does not answer.", code="unreachable")
        return real(*given, **more)

    real = looking.look
    monkeypatch.setattr(visiting, "look", silent_first)
    with ready_to_upgrade(world, simulator) as runtime:
        operation = upgrade(world, runtime)
        reach(operation, lambda _: bool(asked))
        assert (again(operation).step, operation.error_code) == ("preflight_upgrade", "unreachable")
        reach(operation, lambda one: one.step not in {"", "preflight_upgrade"})
        assert len(asked) == 2


def test_rules_say_themselves_whether_they_may_block() -> None:
    found = set()
    for key, rule in all_rules().items():
        island = clean()
        for document in BREAKING[key][0]():
            island.apply(document)
        if any(one.severity == "blocking" for one in rule.check(seen(island))):
            found.add(key)
    assert found == blocking_rules().keys()
