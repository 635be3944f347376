"""What each step makes of what it sees; the landscape is a small script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from controlplane.kernel.errors import Audience, Fatal, Retry
from controlplane.kernel.plugins import load
from provisioner.drivers.base import (
    ClusterRef,
    Condition,
    Cursor,
    Event,
    Fault,
    Kubeconfig,
    Observed,
    Role,
    Situation,
)
from provisioner.flows.base import Flow
from provisioner.modules.kept import Notebook
from provisioner.operations.time_limit import OutOfTime
from provisioner.runtimes.inside import ClusterApi, ObjectRef
from provisioner.runtimes.phases import Kind
from provisioner.runtimes.spec import ClusterSpec, cluster_from_json
from provisioner.runtimes.visit import Visit
from provisioner.steps import (
    await_absence,
    await_cluster,
    await_modules,
    await_sleep,
    delete_cluster,
    ensure_cluster,
    grant_access,
    hibernate_cluster,
    install_modules,
    remove_modules,
    switch_modules,
    verify_access,
)
from provisioner.steps.base import Done, StepContext, Wait
from tests.modules import Island
from tests.modules import wish as module


@dataclass
class ScriptedDriver:
    """Answers what it was told to, and remembers what it was asked."""

    sight: Observed
    nodes: int = 0
    asked: list[str] = field(default_factory=list)
    ordered: list[ClusterSpec] = field(default_factory=list)
    applied: list[Mapping[str, Any]] = field(default_factory=list)
    island: Island = field(default_factory=Island)

    def ensure(self, cluster: ClusterSpec) -> Observed:
        self.asked.append("ensure")
        self.ordered.append(cluster)
        return replace(self.sight, situation=Situation.CHANGING)

    def change(self, cluster: ClusterSpec) -> Observed:
        self.asked.append("change")
        return replace(self.sight, situation=Situation.CHANGING)

    def inventory(self) -> Sequence[Observed]:
        return ()

    def ensure_absent(self, cluster: ClusterRef) -> Observed:
        self.asked.append("ensure_absent")
        return self.sight

    def observe(self, cluster: ClusterRef) -> Observed:
        self.asked.append("observe")
        return self.sight

    def watch(self, since: Cursor | None) -> Iterator[Event]:
        return iter(())

    def credentials(self, cluster: ClusterRef, *, ttl: timedelta, role: Role) -> Kubeconfig:
        return Kubeconfig("", datetime.now(UTC))

    def drift(self, cluster: ClusterSpec, seen: Observed) -> Sequence[str]:
        return ()

    def grant(self, cluster: ClusterRef, *, name: str, role: Role, ttl: timedelta) -> Kubeconfig:
        return Kubeconfig("", datetime.now(UTC))

    def revoke(self, cluster: ClusterRef, *, name: str) -> None:
        self.asked.append("revoke")

    def probe(self, cluster: ClusterRef) -> int:
        self.asked.append("probe")
        return self.nodes

    def apply(self, cluster: ClusterRef, objects: Sequence[Mapping[str, Any]]) -> None:
        self.asked.append("apply")
        self.applied.extend(objects)

    def inside(self, cluster: ClusterRef, *, role: Role = Role.ADMIN) -> AbstractContextManager[ClusterApi]:
        self.asked.append("inside")
        return nullcontext(self.island)


def seen(situation: Situation, **facts: Any) -> Observed:
    return Observed(name="c1", situation=situation, **facts)


def wish(**facts: Any) -> ClusterSpec:
    return ClusterSpec("c1", "aws", "eu-central-1", "1.34.8", pools=(), **facts)


def context(
    driver: ScriptedDriver, kind: str = "provision", given: Mapping[str, Any] | None = None, **facts: Any
) -> StepContext:
    cluster = wish(**facts)
    now = datetime.now(UTC)
    return StepContext(UUID(int=1), UUID(int=2), kind, 1, 1, 1, now, cluster, driver, given or {})


def test_ordering_a_cluster_is_done_when_the_landscape_took_the_order() -> None:
    driver = ScriptedDriver(seen(Situation.ABSENT))
    assert ensure_cluster.run(context(driver)) == Done()
    assert driver.asked == ["ensure"]


@pytest.mark.parametrize("step", [ensure_cluster, await_cluster])
def test_an_ordered_cluster_says_which_wish_it_fulfils(step: Any) -> None:
    driver = ScriptedDriver(seen(Situation.ABSENT))
    step.run(context(driver))
    assert driver.ordered[0].annotations["nesoi.dev/generation"] == "1"
    assert driver.ordered[0].annotations["nesoi.dev/operation"] == str(UUID(int=1))


def test_a_ready_cluster_ends_the_wait() -> None:
    assert await_cluster.run(context(ScriptedDriver(seen(Situation.READY)))) == Done()


def test_a_changing_cluster_says_what_the_landscape_does() -> None:
    driver = ScriptedDriver(seen(Situation.CHANGING, activity="Create: nodes join", progress=40))
    waited = await_cluster.run(context(driver))
    assert isinstance(waited, Wait)
    assert (waited.reason, waited.progress) == ("Create: nodes join", 40)


def test_an_unhealthy_cluster_names_its_troubled_condition() -> None:
    conditions = (Condition("APIServerAvailable", "True"), Condition("EveryNodeReady", "False"))
    waited = await_cluster.run(context(ScriptedDriver(seen(Situation.UNHEALTHY, conditions=conditions))))
    assert isinstance(waited, Wait)
    assert "EveryNodeReady" in waited.reason
    assert "APIServerAvailable" not in waited.reason


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in {Kind.PROVISION, Kind.DEPROVISION}])
@pytest.mark.parametrize("step", [ensure_cluster, await_cluster, hibernate_cluster, await_sleep])
@pytest.mark.parametrize("situation", [Situation.ABSENT, Situation.FAILED])
def test_only_a_first_build_may_make_a_cluster(kind: Kind, step: Any, situation: Situation) -> None:
    driver = ScriptedDriver(seen(situation))
    step.run(context(driver, kind, hibernated=True))
    assert "ensure" not in driver.asked


@pytest.mark.parametrize("situation", [Situation.READY, Situation.UNHEALTHY])
@pytest.mark.parametrize(
    ("step", "kind", "asleep"), [(await_sleep, "suspend", True), (await_cluster, "resume", False)]
)
def test_a_cluster_that_rests_awake_or_asleep_against_the_wish_is_ordered_once(
    step: Any, kind: str, situation: Situation, *, asleep: bool
) -> None:
    driver = ScriptedDriver(seen(situation, hibernated=not asleep))
    here = context(driver, kind, hibernated=asleep)
    assert isinstance(step.run(here), Wait)
    driver.sight = seen(Situation.CHANGING, hibernated=not asleep)
    assert isinstance(step.run(here), Wait)
    driver.sight = seen(Situation.READY, hibernated=asleep)
    assert step.run(here) == Done()
    assert driver.asked == ["observe", "change", "observe", "observe"]


def test_a_wait_for_a_cluster_that_is_to_sleep_by_now_does_not_wake_it() -> None:
    driver = ScriptedDriver(seen(Situation.READY, hibernated=True))
    assert await_cluster.run(context(driver, "resume", hibernated=True)) == Done()
    assert driver.asked == ["observe"]


def test_one_that_is_to_be_built_anew_in_so_many_words_is() -> None:
    driver = ScriptedDriver(seen(Situation.ABSENT))
    for step in (ensure_cluster, await_cluster):
        step.run(context(driver, "update", {"rebuild": True}))
    assert driver.asked == ["ensure", "observe", "ensure"]


def test_a_cluster_that_vanished_while_it_was_first_built_is_ordered_again() -> None:
    driver = ScriptedDriver(seen(Situation.ABSENT))
    assert isinstance(await_cluster.run(context(driver)), Wait)
    assert driver.asked == ["observe", "ensure"]


def test_a_passing_fault_is_waited_out() -> None:
    fault = Fault("ERR_INFRA_RATE_LIMITS_EXCEEDED", "slow down", passing=True)
    waited = await_cluster.run(context(ScriptedDriver(seen(Situation.FAILED, faults=(fault,)))))
    assert isinstance(waited, Wait)
    assert "ERR_INFRA_RATE_LIMITS_EXCEEDED" in waited.reason


@pytest.mark.parametrize("step", [await_cluster, await_absence])
def test_a_lasting_fault_gives_up_and_says_who_can_act(step: Any) -> None:
    fault = Fault("ERR_INFRA_QUOTA_EXCEEDED", "raise the quota", passing=False, audience=Audience.TENANT)
    with pytest.raises(Fatal, match="raise the quota") as fatal:
        step.run(context(ScriptedDriver(seen(Situation.FAILED, faults=(fault,)))))
    assert (fatal.value.code, fatal.value.audience) == ("ERR_INFRA_QUOTA_EXCEEDED", Audience.TENANT)


def test_access_is_proven_by_nodes() -> None:
    sight = seen(Situation.READY)
    assert isinstance(verify_access.run(context(ScriptedDriver(sight, nodes=0))), Wait)
    assert isinstance(verify_access.run(context(ScriptedDriver(sight, nodes=3))), Done)


def test_a_sleeping_cluster_is_not_asked_for_nodes() -> None:
    driver = ScriptedDriver(seen(Situation.READY))
    assert verify_access.run(context(driver, hibernated=True)) == Done()
    assert driver.asked == []


def test_administrators_become_the_users_of_one_binding() -> None:
    driver = ScriptedDriver(seen(Situation.READY))
    granted = grant_access.run(context(driver, administrators=("ada@example.org", "bob")))
    assert granted == Done("2 administrators")
    (binding,) = driver.applied
    assert (binding["kind"], binding["metadata"]["name"]) == ("ClusterRoleBinding", "nesoi-administrators")
    assert binding["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "nesoi"}
    assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) == ("ClusterRole", "cluster-admin")
    assert [(one["kind"], one["name"]) for one in binding["subjects"]] == [
        ("User", "ada@example.org"),
        ("User", "bob"),
    ]


def test_the_last_administrators_removal_leaves_a_binding_without_subjects() -> None:
    driver = ScriptedDriver(seen(Situation.READY))
    grant_access.run(context(driver, had_administrators=True))
    assert [binding["subjects"] for binding in driver.applied] == [[]]


@pytest.mark.parametrize(
    ("facts", "needed"),
    [
        ({}, False),
        ({"administrators": ("ada",)}, True),
        ({"had_administrators": True}, True),
        ({"administrators": ("ada",), "hibernated": True}, False),
    ],
)
def test_access_is_granted_where_somebody_was_ever_named_and_the_cluster_is_awake(
    facts: dict[str, Any], needed: bool
) -> None:
    asked = grant_access.step.needed
    assert asked is not None
    assert asked(wish(**facts)) is needed


@pytest.mark.parametrize("kind", [Kind.PROVISION, Kind.UPDATE])
def test_access_is_granted_once_the_cluster_answers(kind: Kind) -> None:
    flows: dict[str, Flow] = load("provisioner.flows", "flow")
    names = [name for name in flows[kind.value].names() if name in {"verify_access", "grant_access"}]
    assert names == ["verify_access", "grant_access"]


def test_removal_is_done_only_when_nothing_is_left() -> None:
    assert delete_cluster.run(context(ScriptedDriver(seen(Situation.CHANGING)))) == Done()
    assert isinstance(await_absence.run(context(ScriptedDriver(seen(Situation.CHANGING)))), Wait)
    assert await_absence.run(context(ScriptedDriver(seen(Situation.ABSENT)))) == Done()


def test_every_flow_serves_a_kind_of_operation_and_outlasts_its_steps() -> None:
    flows: dict[str, Flow] = load("provisioner.flows", "flow")
    assert set(flows) <= {kind.value for kind in Kind}
    for flow in flows.values():
        assert len(set(flow.names())) == len(flow.steps)
        assert max(step.deadline for step in flow.steps) <= flow.deadline


def test_modules_are_installed_over_one_connection_and_awaited_with_one_look() -> None:
    driver = ScriptedDriver(seen(Situation.READY))
    here = context(driver, modules=(module("isolation"), module("service-mesh")))
    assert install_modules.run(here) == Done("2 modules")
    driver.island.lame.add("service-mesh-istio")
    waiting = await_modules.run(here)
    assert isinstance(waiting, Wait)
    assert "Module service-mesh is not ready: Deployment nesoi-system/service-mesh-istio" in waiting.reason
    driver.island.lame.clear()
    assert await_modules.run(here) == Done("2 modules are healthy")
    assert driver.asked == ["inside"]


def test_access_is_checked_through_the_door_that_the_modules_then_go_through() -> None:
    driver = ScriptedDriver(seen(Situation.READY))
    here = context(driver, modules=(module("isolation"),))
    assert verify_access.run(here) == Wait(
        "The cluster's API answers, but no node is ready yet", delay=timedelta(seconds=5)
    )
    node = {"metadata": {"name": "n"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    driver.island.objects[ObjectRef("v1", "Node", "n")] = node
    assert verify_access.run(here) == Done("1 nodes are ready")
    assert install_modules.run(here) == Done("1 modules")
    assert driver.asked == ["inside"]


def test_a_step_that_fails_inside_closes_the_door_and_the_next_opens_a_new_one() -> None:
    driver, told = ScriptedDriver(seen(Situation.READY)), list[str]()

    @contextmanager
    def door() -> Iterator[ClusterApi]:
        try:
            yield driver.island
        except KeyError:
            raise Retry("told by the driver", code="refused") from None
        finally:
            told.append("closed")

    visit = Visit()
    with pytest.raises(Retry, match="told by the driver"), visit.inside(door):
        raise KeyError("refused by the server")
    with pytest.raises(OutOfTime), visit.inside(door):
        raise OutOfTime
    assert told == ["closed"] * 2
    with visit.inside(door) as first, visit.inside(door) as second:
        assert first is second
    assert told == ["closed"] * 2
    visit.close()
    visit.close()
    assert told == ["closed"] * 3


def test_a_module_that_is_not_wished_any_more_is_taken_away_and_nobody_looks_without_need() -> None:
    driver, memory = ScriptedDriver(seen(Situation.READY)), Notebook()
    both = replace(context(driver, modules=(module("isolation"), module("eventing"))), memory=memory)
    install_modules.run(both)
    await_modules.run(both)
    driver.asked.clear()
    assert remove_modules.run(both) == Done()
    assert driver.asked == []
    one = replace(both, cluster=replace(both.cluster, modules=(module("isolation"),)))
    theirs = ObjectRef("modules.nesoi.dev/v1", "Subscription", "orders", "shop")
    driver.island.objects[theirs] = {"metadata": {"name": "orders", "namespace": "shop"}}
    with pytest.raises(Fatal, match=r"1 Subscription \(shop/orders\)") as refused:
        remove_modules.run(one)
    assert refused.value.audience is Audience.TENANT
    del driver.island.objects[theirs]
    assert remove_modules.run(one) == Done("eventing removed")
    assert set(memory.pages) == {"isolation"}


@pytest.mark.parametrize("step", [install_modules, await_modules, remove_modules])
def test_a_cluster_that_rests_or_was_wished_before_modules_is_left_alone(step: Any) -> None:
    assert not step.needed(wish())
    assert not step.needed(wish(modules=(module("isolation"),), hibernated=True))
    assert step.needed(wish(modules=(module("isolation"),)))


@dataclass
class NotedPen:
    """Writes what a step wants into the context alone."""

    cluster: ClusterSpec
    notes: dict[str, Any] = field(default_factory=dict)

    def amend(self, *, cluster: Mapping[str, Any], release: Mapping[str, Any] | None = None) -> ClusterSpec:
        self.cluster = cluster_from_json({**self.cluster.as_json(), **cluster})
        return self.cluster

    def keep(self, notes: Mapping[str, Any]) -> None:
        self.notes |= notes


def test_an_upgrade_takes_the_releases_versions_and_implementations_and_notes_what_was_there() -> None:
    mine = module("telemetry", settings={"signals": ["logs"]})
    own_channel = module("eventing", channel="fast")
    release = {"isolation": "9.0.0", "telemetry": "vector@9.1.0", "eventing": "9.2.0"}
    here = context(
        ScriptedDriver(seen(Situation.READY)),
        "upgrade",
        {"hops": [{"modules": release}]},
        modules=(mine, own_channel),
    )
    pen = NotedPen(here.cluster)
    switch_modules.run(replace(here, pen=pen))
    wanted = {one.key: (one.version, one.implementation, dict(one.settings)) for one in pen.cluster.modules}
    assert wanted == {
        "isolation": ("9.0.0", "native", {}),
        "telemetry": ("9.1.0", "vector", {"signals": ["logs"]}),
        "eventing": ("1.0.0", "nats", {}),
    }
    assert [one["key"] for one in pen.notes[switch_modules.BEFORE]["modules"]] == ["telemetry", "eventing"]
