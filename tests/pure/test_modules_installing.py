"""Modules come, change hands, drift and go; the cluster is a dictionary."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.modules.base import GROUP
from provisioner.modules.catalogue.telemetry import GATEWAY
from provisioner.modules.drift import differences
from provisioner.modules.health import complaint
from provisioner.modules.installing import Sight, inspect, install, look, settle
from provisioner.modules.kept import Health, Kept, Notebook, State
from provisioner.modules.registry import all_modules
from provisioner.modules.removing import remove, unwanted
from provisioner.modules.rendering import render
from provisioner.runtimes.inside import ObjectRef
from provisioner.runtimes.spec import ModuleWish
from tests.modules import Island, Objects, cluster, wish

MODULES = all_modules()
PIPELINE = ObjectRef(f"{GROUP}/v1", "TelemetryPipeline", "to-loki", "shop")


def bring(island: Island, memory: Notebook, *wishes: ModuleWish) -> list[Sight]:
    rendered = render(cluster(*wishes))
    install(island, rendered, memory)
    sights = look(island, rendered)
    settle(island, rendered, sights, memory)
    return sights


def test_what_is_wished_is_there_and_remembered_with_all_its_objects() -> None:
    island, memory = Island(), Notebook()
    bring(island, memory, wish("isolation"), wish("service-mesh"))
    assert {key: (one.state, one.health) for key, one in memory.pages.items()} == {
        "isolation": (State.INSTALLED, Health.HEALTHY),
        "service-mesh": (State.INSTALLED, Health.HEALTHY),
    }
    assert {ref for one in memory.pages.values() for ref in one.inventory} == set(island.objects)


def test_one_look_sees_all_modules() -> None:
    island = Island()
    wishes = [wish(key) for key in ("isolation", "service-mesh", "api-gateway", "telemetry", "eventing")]
    rendered = render(cluster(*wishes))
    install(island, rendered, Notebook())
    island.calls.clear()
    look(island, rendered)
    assert sorted(island.calls) == ["list DaemonSet", "list Deployment", "list Namespace"]


def test_what_is_not_ready_is_said_and_nothing_of_before_goes_until_it_is() -> None:
    island, memory = Island(), Notebook()
    bring(island, memory, wish("telemetry", implementation="otel"))
    island.lame.add("telemetry-vector")
    sights = bring(island, memory, wish("telemetry", "2.0.0", implementation="vector"))
    assert sights[0].message == "Deployment nesoi-system/telemetry-vector: 0 of 1 replicas are ready"
    assert {"telemetry-otel-gateway", "telemetry-vector"} <= island.names("Deployment")
    page = memory.pages["telemetry"]
    assert (page.state, page.health, page.observed_version) == (State.INSTALLING, Health.STARTING, "1.0.0")


def test_another_implementation_takes_over_and_the_tenant_does_not_notice() -> None:
    island, memory = Island(), Notebook()
    bring(island, memory, wish("isolation"), wish("telemetry", implementation="otel"))
    island.objects[PIPELINE] = {"metadata": {"name": "to-loki", "namespace": "shop", "uid": "theirs"}}
    tenants = [
        ObjectRef(f"{GROUP}/v1", "Telemetry", "default"),
        ObjectRef("v1", "Service", "telemetry", "nesoi-system"),
        ObjectRef("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"telemetrypipelines.{GROUP}"),
        PIPELINE,
    ]
    before = deepcopy([island.objects[ref] for ref in tenants])
    answered: list[int] = []
    watched = Watched(island.objects, made=island.made, answered=answered)
    bring(watched, memory, wish("isolation"), wish("telemetry", "2.0.0", implementation="vector"))
    assert [watched.objects[ref] for ref in tenants] == before, "not one field, not one uid"
    assert min(answered) >= 1, "at every moment somebody answers at the tenant's address"
    assert watched.names("Deployment") == {"telemetry-vector"}
    assert watched.names("DaemonSet") == {"telemetry-vector-agent"}
    assert memory.pages["telemetry"].implementation == "vector"


class Watched(Island):
    """An island where somebody counts, behind every call, who answers at the address of telemetry."""

    def __init__(self, objects: Objects, *, made: int, answered: list[int]) -> None:
        super().__init__(objects=objects, made=made)
        self.answered = answered

    def apply(self, document):  # type: ignore[no-untyped-def]
        applied = super().apply(document)
        self._count()
        return applied

    def delete(self, ref):  # type: ignore[no-untyped-def]
        gone = super().delete(ref)
        self._count()
        return gone

    def _count(self) -> None:
        labels = [
            live["spec"]["template"]["metadata"]["labels"]
            for ref, live in self.objects.items()
            if ref.kind == "Deployment" and ref.name not in self.lame
        ]
        self.answered.append(sum(GATEWAY.items() <= one.items() for one in labels))


def test_whoever_dies_in_the_middle_leaves_an_inventory_that_names_everything() -> None:
    wishes = [wish("isolation"), wish("telemetry", implementation="otel")]
    rendered = render(cluster(*wishes))
    whole = Island()
    install(whole, rendered, Notebook())
    for survived in range(len(whole.objects) + 1):
        island, memory = Dying(survived), Notebook()
        with suppress(DiedError):
            install(island, rendered, memory)
        assert set(island.objects) <= {ref for one in memory.pages.values() for ref in one.inventory}
        bring(revived := Island(island.objects, made=island.made), memory, *wishes)
        assert set(revived.objects) == set(whole.objects)


class DiedError(Exception):
    """As if the worker were gone."""


class Dying(Island):
    """An island whose caller dies after so many applies."""

    def __init__(self, survived: int) -> None:
        super().__init__()
        self.left = survived

    def apply(self, document):  # type: ignore[no-untyped-def]
        if self.left == 0:
            raise DiedError
        self.left -= 1
        return super().apply(document)


keys = st.sets(st.sampled_from(["service-mesh", "eventing", "telemetry", "gpu", "autoscaling"]))
moves = st.lists(st.tuples(keys, st.sampled_from(["otel", "vector"])), min_size=1, max_size=5)


@given(moves)
@settings(max_examples=40, deadline=None)
def test_after_any_history_of_wishes_exactly_the_last_one_is_there(
    history: list[tuple[set[str], str]],
) -> None:
    island, memory = Island(), Notebook()
    for chosen, telemetry in history:
        wishes = [
            wish(key, **({"implementation": telemetry} if key == "telemetry" else {}))
            for key in ("isolation", *sorted(chosen))
        ]
        gone = unwanted(memory.recall(), [one.key for one in wishes], MODULES)
        remove(island, gone, MODULES, memory)
        bring(island, memory, *wishes)
    fresh = Island()
    bring(fresh, Notebook(), *wishes)
    assert set(island.objects) == set(fresh.objects)
    assert set(memory.pages) == {one.key for one in wishes}


def test_what_people_made_keeps_its_module_and_the_refusal_names_it() -> None:
    island, memory = Island(), Notebook()
    bring(island, memory, wish("isolation"), wish("telemetry"))
    island.objects[PIPELINE] = {
        "metadata": {"name": "to-loki", "namespace": "shop", "finalizers": ["acme.example/flush"]}
    }
    there = set(island.objects)
    hindered, _ = remove(island, ["telemetry"], MODULES, memory)
    assert set(island.objects) == there, "nothing was touched"
    assert memory.pages["telemetry"].state is State.BLOCKED
    assert "1 TelemetryPipeline (shop/to-loki)" in hindered[0].detail
    assert "acme.example/flush" in hindered[0].detail
    del island.objects[PIPELINE]
    assert remove(island, ["telemetry"], MODULES, memory) == ([], [])
    assert "telemetry" not in memory.pages
    assert not [ref for ref in island.objects if "telemetr" in ref.name]


def test_a_resource_that_lingers_keeps_the_controller_that_serves_its_finalizer() -> None:
    island, memory = Island(), Notebook()
    bring(island, memory, wish("isolation"), wish("eventing"))
    own = ObjectRef(f"{GROUP}/v1", "Eventing", "default")
    island.objects[own]["metadata"]["finalizers"] = ["nesoi.dev/drain"]
    _, lingering = remove(island, ["eventing"], MODULES, memory)
    assert lingering == [own]
    assert "eventing-nats" in island.names("Deployment")
    assert memory.pages["eventing"].state is State.REMOVING


def test_a_version_that_drops_a_kind_leaves_it_while_objects_of_it_are_there() -> None:
    island, memory = Island(), Notebook()
    bring(island, memory, wish("isolation"), wish("telemetry"))
    page = memory.pages["telemetry"]
    old = ObjectRef("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"logpipes.{GROUP}")
    names = {"kind": "LogPipe", "plural": "logpipes"}
    island.objects[old] = {
        "metadata": {"name": old.name},
        "spec": {"group": GROUP, "names": names, "versions": [{"name": "v1"}]},
    }
    theirs = ObjectRef(f"{GROUP}/v1", "LogPipe", "mine", "shop")
    island.objects[theirs] = {"metadata": {"name": "mine", "namespace": "shop"}}
    memory.pages["telemetry"] = replace(page, inventory=(*page.inventory, old))
    bring(island, memory, wish("isolation"), wish("telemetry"))
    assert old in island.objects
    assert f"logpipes.{GROUP}" in memory.pages["telemetry"].message
    del island.objects[theirs]
    bring(island, memory, wish("isolation"), wish("telemetry"))
    assert old not in island.objects


def test_drift_is_found_in_our_own_fields_only_and_the_next_install_mends_it() -> None:
    island, memory = Island(), Notebook()
    wishes = wish("isolation"), wish("service-mesh")
    bring(island, memory, *wishes)
    rendered = render(cluster(*wishes))
    assert [sight.drift for sight in inspect(island, rendered)] == [(), ()]
    ref = next(ref for ref in island.objects if ref.name == "service-mesh-istio")
    island.objects[ref]["spec"]["replicas"] = 0
    island.objects[ref]["metadata"]["annotations"] = {"theirs": "stays"}
    del island.objects[next(ref for ref in island.objects if ref.kind == "LimitRange")]
    found = {sight.key: sight.drift for sight in inspect(island, rendered)}
    assert found == {
        "isolation": ("LimitRange nesoi-system/platform is missing",),
        "service-mesh": ("Deployment nesoi-system/service-mesh-istio: spec.replicas",),
    }
    bring(island, memory, *wishes)
    assert [sight.drift for sight in inspect(island, rendered)] == [(), ()]
    assert island.objects[ref]["metadata"]["annotations"] == {"theirs": "stays"}


def test_lists_are_compared_by_the_names_of_their_entries() -> None:
    wanted = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
    ours = {"containers": [{"name": "main", "image": "a"}], "args": []}
    live: dict[str, list[dict[str, object]]] = {
        "containers": [{"name": "sidecar"}, {"name": "main", "image": "a", "terminationGrace": 3}]
    }
    assert differences({**wanted, "spec": ours}, {**wanted, "spec": live}) == []
    live["containers"][1]["image"] = "b"
    assert differences({**wanted, "spec": ours}, {**wanted, "spec": live}) == [
        "Pod p: spec.containers.main.image"
    ]


def test_a_rollout_is_over_only_when_the_controller_has_seen_it() -> None:
    live: dict[str, dict[str, int]] = {
        "metadata": {"generation": 3},
        "spec": {"replicas": 2},
        "status": {"observedGeneration": 2, "updatedReplicas": 2, "availableReplicas": 2},
    }
    assert complaint("Deployment", live) == "its change was not picked up yet"
    live["status"]["observedGeneration"] = 3
    assert complaint("Deployment", live) == ""
    live["status"]["updatedReplicas"] = 1
    assert complaint("Deployment", live) == "1 of 2 replicas are ready"


def test_a_module_that_this_build_does_not_know_can_still_be_taken_away() -> None:
    island, memory = Island(), Notebook()
    bring(island, memory, wish("isolation"))
    ref = ObjectRef("v1", "ConfigMap", "old", "nesoi-system")
    island.objects[ref] = {"metadata": {"name": "old", "namespace": "nesoi-system"}}
    memory.pages["ancient"] = Kept("ancient", state=State.INSTALLED, inventory=(ref,))
    assert unwanted(memory.recall(), ["isolation"], MODULES) == ["ancient"]
    remove(island, ["ancient"], MODULES, memory)
    assert ref not in island.objects


def test_what_comes_from_elsewhere_is_well_only_once_it_is_served_and_ready() -> None:
    status: dict[str, object] = {"observedGeneration": 1, "readyReplicas": 3, "updatedReplicas": 2}
    live: dict[str, object] = {"metadata": {"generation": 1}, "spec": {"replicas": 3}, "status": status}
    assert complaint("StatefulSet", live) == "2 of 3 replicas are ready"
    status["updatedReplicas"] = 3
    assert complaint("StatefulSet", live) == ""
    live["metadata"] = {"generation": 2}
    assert complaint("StatefulSet", live) == "its change was not picked up yet"
    assert complaint("CustomResourceDefinition", {"status": {}}) == "it is not established yet"
    for kind, condition, said in (
        ("CustomResourceDefinition", {"type": "Established", "status": "True"}, ""),
        (
            "CustomResourceDefinition",
            {"type": "NamesAccepted", "status": "False", "message": "taken"},
            "taken",
        ),
        ("APIService", {"type": "Available", "status": "False", "message": "no endpoints"}, "no endpoints"),
        ("APIService", {"type": "Available", "status": "True"}, ""),
    ):
        assert complaint(kind, {"status": {"conditions": [condition]}}) == said
    assert complaint("ConfigMap", {}) == ""
