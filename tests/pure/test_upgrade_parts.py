"""What an upgrade's steps decide: the next move, what is worse than before, what changed; and what a garden admits of pools."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from controlplane.kernel.errors import Audience, Fatal
from provisioner.drivers.base import Driver, Fault, Observed, Situation
from provisioner.drivers.shoots.keeping import keep_versions
from provisioner.flows.base import Flow
from provisioner.flows.upgrade import flow
from provisioner.modules import ports
from provisioner.modules.base import Implementation
from provisioner.modules.objects import MODULE
from provisioner.operations.engine import Problem
from provisioner.runtimes.inside import ObjectRef
from provisioner.runtimes.spec import ClusterSpec, cluster_from_json
from provisioner.runtimes.workloads import worse
from provisioner.simulator.gardener.skew import check_pool
from provisioner.steps import (
    conclude_upgrade,
    preflight_upgrade,
    snapshot_owned,
    upgrade_control_plane,
    upgrade_workers,
)
from provisioner.steps.base import Detour, Done, Outcome, Step, StepContext, Wait
from tests.modules import Island, cluster, wish

ID = UUID(int=7)
HOPS = [
    {
        "key": f"2026.{minor}.1",
        "kubernetes": f"1.{minor}.1",
        "machine_image": {"name": "os", "version": "2"},
        "modules": {},
    }
    for minor in range(32, 38)
]


@pytest.fixture(autouse=True)
def nobody_looks_into_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight_upgrade, "asked", [])


@dataclass
class Garden:
    """A landscape that fulfils what it is asked for between two looks, and remembers what that was."""

    told: ClusterSpec
    asked: list[str] = field(default_factory=list)

    def observe(self, _: object) -> Observed:
        return Observed("c1", Situation.READY, kubernetes_version=self.told.kubernetes_version)

    def drift(self, cluster: ClusterSpec, _: object) -> list[str]:
        return [] if replace(cluster, annotations={}) == self.told else ["spec"]

    def change(self, cluster: ClusterSpec) -> Observed:
        self.told = replace(cluster, annotations={})
        self.asked.append(f"{cluster.kubernetes_version}/{cluster.workers_at}")
        return Observed("c1", Situation.CHANGING)


@dataclass
class Row:
    """The runtime's row and the operation's notes."""

    cluster: ClusterSpec
    notes: dict[str, Any] = field(default_factory=dict)

    def amend(self, *, cluster: Any, release: Any = None) -> ClusterSpec:
        self.cluster = cluster_from_json({**self.cluster.as_json(), **cluster})
        return self.cluster

    def keep(self, notes: Any) -> None:
        self.notes.update(notes)


def context(row: Row, garden: Garden, hops: list[dict[str, Any]]) -> StepContext:
    return StepContext(
        ID, ID, "upgrade", 2, 1, 1, datetime.now(UTC), row.cluster, cast("Driver", garden), pen=row,
        input={"hops": hops, "before": {"key": "2026.31.1"}}, kept=row.notes,
    )  # fmt: skip


def run_through(step: Step, row: Row, garden: Garden, hops: list[dict[str, Any]]) -> None:
    for _ in range(40):
        if isinstance(step.run(context(row, garden, hops)), Done):
            return
    pytest.fail("it never ended")


def test_six_minors_up_the_control_plane_never_skips_and_workers_are_rolled_where_they_must_be() -> None:
    start = ClusterSpec("c1", "aws", "eu-central-1", "1.31.4", pools=())
    row, garden = Row(start), Garden(start)
    run_through(upgrade_control_plane.step, row, garden, HOPS)
    run_through(upgrade_workers.step, row, garden, HOPS)
    assert garden.asked == [
        "1.32.1/1.31.4",
        "1.33.1/1.31.4",
        "1.34.1/1.31.4",
        "1.34.1/1.34.1",
        "1.35.1/1.34.1",
        "1.36.1/1.34.1",
        "1.37.1/1.34.1",
        "1.37.1/1.37.1",
    ]
    assert row.cluster.machine_image == {"name": "os", "version": "2"}


def test_a_wish_that_was_written_and_never_ordered_is_ordered_before_the_next() -> None:
    start = ClusterSpec("c1", "aws", "eu-central-1", "1.31.4", pools=())
    row, garden = Row(replace(start, kubernetes_version="1.32.1", workers_version="1.31.4")), Garden(start)
    assert isinstance(upgrade_control_plane.step.run(context(row, garden, HOPS[:2])), Wait)
    assert garden.asked == ["1.32.1/1.31.4"]


def test_an_upgrade_asked_for_anew_tells_a_landscape_that_gave_up_on_the_one_before_to_try_again() -> None:
    start = ClusterSpec("c1", "aws", "eu-central-1", "1.32.1", pools=())
    gave_up = Fault("ERR_INFRA_QUOTA_EXCEEDED", "Raise the quota.", passing=False, audience=Audience.SRE)

    class GaveUp(Garden):
        hears = True

        def observe(self, _: object) -> Observed:
            return Observed("c1", Situation.FAILED, faults=(gave_up,))

        def change(self, cluster: ClusterSpec) -> Observed:
            return super().change(cluster) if self.hears else self.observe(cluster)

    garden = GaveUp(start)
    assert isinstance(preflight_upgrade.step.run(context(Row(start), garden, HOPS)), Wait)
    assert garden.asked == ["1.32.1/1.32.1"]
    garden.hears = False
    with pytest.raises(Fatal, match="Raise the quota"):  # nobody was told of it yet
        preflight_upgrade.step.run(context(Row(start), garden, HOPS))


def test_a_module_that_is_refused_is_a_verdict_and_nothing_behind_it_is_installed() -> None:
    detour = flow.step("install_modules").otherwise
    assert detour is not None
    assert detour.step == "roll_back_modules"
    start = ClusterSpec("c1", "aws", "eu-central-1", "1.31.4", pools=())
    row, garden = Row(start), Garden(start)
    row.keep(detour.notes(Problem("fatal", "x", "There is no such kind.", Audience.TENANT)))
    said = {"reasons": ["There is no such kind."], "code": "x", "audience": "tenant"}
    assert row.notes["verdict"] == {"ok": False, "step": "install_modules", **said}
    with pytest.raises(Fatal, match="was halted: There is no such kind") as told:
        conclude_upgrade.step.run(context(row, garden, HOPS))
    assert (told.value.code, told.value.audience) == ("x", Audience.TENANT), "no fault of the release's"


@pytest.mark.parametrize(
    ("kind", "code", "cause"),
    [
        ("retry", "server_error", "server_error"),
        ("retry", "", "install_modules_gave_up"),
        ("retry", "step_timeout", "install_modules_gave_up"),
        ("retry", "unforeseen", "install_modules_gave_up"),
        ("deadline", "step_deadline", "install_modules_gave_up"),
        ("crash", "worker_died", "install_modules_gave_up"),
    ],
)
def test_what_gives_up_is_the_platforms_to_mend_and_leaves_room_to_say_what_became_of_the_modules(
    kind: str, code: str, cause: str
) -> None:
    detour = flow.step("install_modules").otherwise
    assert detour is not None
    start = ClusterSpec("c1", "aws", "eu-central-1", "1.31.4", pools=())
    row, garden = Row(start), Garden(start)
    row.keep(detour.notes(Problem(kind, code, "x" * 1000)))
    with pytest.raises(Fatal, match="No module was changed") as told:
        conclude_upgrade.step.run(context(row, garden, HOPS))
    assert (told.value.code, told.value.audience) == (cause, Audience.SRE)
    assert len(str(told.value)) < 1000, "the row's column holds no more"


def test_between_the_workers_and_the_conclusion_no_step_ends_the_operation() -> None:
    names = flow.names()
    behind = flow.steps[names.index("upgrade_workers") + 1 : -1]
    assert behind
    assert {step.name for step in behind if step.otherwise is None} == set()
    back = flow.step("roll_back_modules")
    assert back.patient
    assert back.time_left > back.deadline
    assert flow.step("conclude_upgrade").time_left


def test_a_flow_in_which_a_step_would_go_on_at_one_before_it_is_none() -> None:
    def never(_: StepContext) -> Outcome:
        raise AssertionError("it does not run")

    first, second = (Step(name, name, never) for name in ("first", "second"))
    back = replace(second, otherwise=Detour("first", lambda _: {}))
    with pytest.raises(ValueError, match="second can't go on at first"):
        Flow((first, back), timedelta(hours=1))


def test_the_modules_of_before_are_those_of_the_release_that_the_runtime_counts_as_running() -> None:
    half_way = [
        replace(wish("isolation"), version="9.0.0"),
        replace(wish("telemetry"), version="9.1.0", implementation="vector", settings={"a": 1}),
        replace(wish("eventing"), version="9.2.0", channel="fast"),
        replace(wish("gpu"), version="9.3.0"),
    ]
    before = snapshot_owned.modules_before(half_way, {"isolation": "1.3.0", "telemetry": "native@1.1.0"})
    assert {one.key: (one.version, one.implementation, dict(one.settings)) for one in before} == {
        "isolation": ("1.3.0", "native", {}),
        "telemetry": ("1.1.0", "native", {"a": 1}),
        "eventing": ("9.2.0", half_way[2].implementation, {}),
        "gpu": ("9.3.0", half_way[3].implementation, {}),
    }
    came = snapshot_owned.modules_before(half_way, {"telemetry": "native@1.1.0"})
    assert "isolation" not in {one.key for one in came}, "an upgrade that did not end brought it"
    assert snapshot_owned.modules_before(half_way, {}) == tuple(half_way)


def test_an_upgrade_does_not_begin_while_its_modules_would_take_what_is_somebodys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    thing = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "same", "namespace": "nesoi-system"},
    }
    elsewhere = Implementation("elsewhere", lambda _: [thing], sourced=True)
    monkeypatch.setattr(ports, "sourced", lambda *_: elsewhere)
    theirs = ObjectRef.of(thing)
    island = Island()
    island.objects[theirs] = {"metadata": {"name": "same"}}

    class Inhabited(Garden):
        def probe(self, _: object) -> int:
            return 3

        def inside(self, _: object) -> AbstractContextManager[Island]:
            return nullcontext(island)

    start = replace(cluster(wish("eventing")), kubernetes_version="1.31.4")
    row, garden = Row(start), Inhabited(start)
    hops = [*HOPS[:1], {**HOPS[1], "modules": {"eventing": "upstream@2.13.0"}}]
    with pytest.raises(Fatal, match="ConfigMap nesoi-system/same is there already") as told:
        preflight_upgrade.step.run(context(row, garden, hops))
    assert (told.value.code, told.value.audience) == ("module_object_there", Audience.TENANT)
    assert "hand it over by the label modules.nesoi.dev/part-of=eventing" in str(told.value)
    assert (garden.asked, {call.split()[0] for call in island.calls}) == ([], {"get"})
    island.objects[theirs]["metadata"]["labels"] = {MODULE: "eventing"}
    assert preflight_upgrade.step.run(context(row, garden, hops)) == Done("3 nodes are ready")


def test_what_others_find_in_the_cluster_stops_it_before_anything_is_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked_for: list[str] = []

    def ask(_: StepContext, kubernetes: str) -> list[preflight_upgrade.Hindrance]:
        asked_for.append(kubernetes)
        return [
            preflight_upgrade.Hindrance(f"Budget {number} never holds.", Audience.TENANT)
            for number in range(5)
        ]

    class Ready(Garden):
        def probe(self, _: object) -> int:
            return 3

    monkeypatch.setattr(preflight_upgrade, "asked", [ask])
    start = ClusterSpec("c1", "aws", "eu-central-1", "1.31.4", pools=())
    garden = Ready(start)
    with pytest.raises(
        Fatal, match=r"Budget 0 never holds\. Budget 1 never holds\. Budget 2 never holds\.$"
    ) as told:
        preflight_upgrade.step.run(context(Row(start), garden, HOPS))
    assert (told.value.code, told.value.audience) == ("upgrade_blocked", Audience.TENANT)
    assert (asked_for, garden.asked) == ([HOPS[-1]["kubernetes"]], [])


@pytest.mark.parametrize(
    ("present", "blamed"),
    [(None, Audience.SRE), (Audience.TENANT, Audience.TENANT), (Audience.SRE, Audience.SRE)],
)
def test_settings_that_only_the_release_refuses_are_its_own_fault(
    monkeypatch: pytest.MonkeyPatch, present: Audience | None, blamed: Audience
) -> None:
    def refused(audience: Audience) -> Any:
        def render(_: Any) -> Any:
            raise Fatal("Set it otherwise.", code="module_security", audience=audience)

        return render

    there = Implementation("there", refused(present) if present else lambda _: [], sourced=True)
    fresh = Implementation("fresh", refused(Audience.TENANT), sourced=True)
    monkeypatch.setattr(ports, "sourced", lambda key, name, version: fresh if version == "2.13.0" else there)

    class Ready(Garden):
        def probe(self, _: object) -> int:
            return 3

    here = replace(wish("eventing"), implementation="upstream")
    start = replace(cluster(here), kubernetes_version="1.31.4")
    hops = [{**HOPS[0], "modules": {"eventing": "upstream@2.13.0"}}]
    with pytest.raises(Fatal, match="Set it otherwise") as told:
        preflight_upgrade.step.run(context(Row(start), Ready(start), hops))
    assert (told.value.code, told.value.audience) == ("module_security", blamed)
    assert ("it is the release that has to change" in str(told.value)) is (blamed is Audience.SRE)


def test_the_flow_rolls_back_before_it_concludes_and_begins_again_behind_the_checks() -> None:
    names = flow.names()
    order = [
        "upgrade_control_plane",
        "upgrade_workers",
        "switch_modules",
        "install_modules",
        "verify_upgrade",
    ]
    assert [name for name in names if name in order] == order
    assert names[-2:] == ["roll_back_modules", "conclude_upgrade"]
    assert flow.step("conclude_upgrade").retry_from in names
    assert flow.deadline >= timedelta(hours=12)
    assert flow.step("preflight_upgrade").harmless


def test_only_what_was_well_before_counts_against_an_upgrade() -> None:
    sick = {"Deployment shop/old": "0 of 1 are ready"}
    before = {"nodes": {"1.33.8": 2}, "unwell": sick}
    assert not list(worse(before, {"nodes": {"1.34.8": 2}, "unwell": sick}))
    after = {"nodes": {}, "unwell": {**sick, "Deployment shop/cart": "1 of 2 are ready"}}
    assert list(worse(before, after)) == [
        "No node is ready.",
        "Deployment shop/cart was well before: 1 of 2 are ready.",
    ]


def test_a_report_names_what_changed_came_and_went() -> None:
    before = {"kubernetes": "1.33.8", "modules": [{"key": "a", "version": "1"}, {"key": "b", "version": "1"}]}
    after = {"kubernetes": "1.34.8", "modules": [{"key": "a", "version": "1"}, {"key": "c", "version": "2"}]}
    assert [
        (row["what"], row["before"], row["after"]) for row in conclude_upgrade.changes(before, after)
    ] == [
        ("Kubernetes", "1.33.8", "1.34.8"),
        ("Module b", "1", ""),
        ("Module c", "", "2"),
    ]


@pytest.mark.parametrize(
    ("pool", "was", "why"),
    [
        ("1.35.1", "1.34.1", "must not be higher"),
        ("1.30.1", "1.30.1", "at most 3 minor versions behind"),
        ("1.32.1", "1.33.1", "downgrade"),
        ("1.31.1", "1.31.1", ""),
        ("", "1.33.1", ""),
    ],
)
def test_a_garden_holds_pools_to_the_skew_of_kubernetes(pool: str, was: str, why: str) -> None:
    def shoot(version: str, of_pool: str) -> dict[str, Any]:
        worker = {"name": "main", **({"kubernetes": {"version": of_pool}} if of_pool else {})}
        return {"spec": {"kubernetes": {"version": version}, "provider": {"workers": [worker]}}}

    new = shoot("1.34.5", pool)
    worker = new["spec"]["provider"]["workers"][0]
    found = [cause["message"] for cause in check_pool("p", worker, new["spec"], shoot("1.34.1", was))]
    assert (why in found[0]) if why else not found


def test_a_pool_that_the_landscape_moved_on_is_not_asked_to_go_back() -> None:
    def shoot(version: str) -> dict[str, Any]:
        worker = {"name": "main", "machine": {}, "kubernetes": {"version": version}}
        return {"spec": {"kubernetes": {"version": "1.35.1"}, "provider": {"workers": [worker]}}}

    kept = keep_versions(shoot("1.33.1"), shoot("1.34.2"))
    assert kept["spec"]["provider"]["workers"][0]["kubernetes"] == {"version": "1.34.2"}
