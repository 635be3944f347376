"""What moves to another version of its kind or to another module stays in the cluster; the cluster is a dictionary."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.modules import ports
from provisioner.modules.base import Implementation
from provisioner.modules.installing import install, look, settle
from provisioner.modules.kept import Notebook
from provisioner.modules.registry import all_modules
from provisioner.modules.removing import remove
from provisioner.modules.rendering import render
from provisioner.runtimes.inside import Json, ObjectRef
from provisioner.runtimes.spec import ModuleWish
from tests.modules import Island, cluster, wish


def scaler(version: str) -> Json:
    metadata = {"name": "h", "namespace": "nesoi-system"}
    return {"apiVersion": f"autoscaling/{version}", "kind": "HorizontalPodAutoscaler", "metadata": metadata}


def definition() -> Json:
    names = {"kind": "Route", "plural": "routes"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "routes.gateway.example"},
        "spec": {
            "group": "gateway.example",
            "names": names,
            "versions": [{"name": "v1"}],
            "scope": "Cluster",
        },
    }


@pytest.fixture
def brought(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], list[Json]]:
    """What stands behind (module, version) from elsewhere."""
    bundles: dict[tuple[str, str], list[Json]] = {}

    def sourced(key: str, _name: str, version: str) -> Implementation:
        return Implementation("elsewhere", lambda _: bundles.get((key, version), []), sourced=True)

    monkeypatch.setattr(ports, "sourced", sourced)
    return bundles


def of(key: str, version: str) -> ModuleWish:
    return wish(key, version, implementation="upstream")


def bring(island: Island, memory: Notebook, *wishes: ModuleWish) -> None:
    rendered = render(cluster(*wishes))
    install(island, rendered, memory)
    settle(island, rendered, look(island, rendered), memory)


def deletions(island: Island) -> list[str]:
    return [call for call in island.calls if call.startswith("delete")]


def test_what_is_written_in_another_version_of_its_kind_is_not_taken_away(
    brought: dict[tuple[str, str], list[Json]],
) -> None:
    island, memory = Island(), Notebook()
    brought["eventing", "1.0.0"], brought["eventing", "2.0.0"] = [scaler("v1")], [scaler("v2")]
    bring(island, memory, of("eventing", "1.0.0"))
    bring(island, memory, of("eventing", "2.0.0"))
    assert deletions(island) == []
    inventory = memory.pages["eventing"].inventory
    assert [ref.api_version for ref in inventory if ref.name == "h"] == ["autoscaling/v2"]
    bring(island, memory, of("eventing", "3.0.0"))
    assert deletions(island) == ["delete HorizontalPodAutoscaler nesoi-system/h"]


def test_what_moves_to_another_module_stays_and_goes_with_that_one(
    brought: dict[tuple[str, str], list[Json]],
) -> None:
    island, memory = Island(), Notebook()
    brought["api-gateway", "1.0.0"], brought["eventing", "2.0.0"] = [scaler("v2")], [scaler("v2")]
    bring(island, memory, of("api-gateway", "1.0.0"), of("eventing", "1.0.0"))
    bring(island, memory, of("api-gateway", "2.0.0"), of("eventing", "2.0.0"))
    assert deletions(island) == []
    having = [key for key, page in memory.pages.items() if any(ref.name == "h" for ref in page.inventory)]
    assert having == ["eventing"]
    bring(island, memory, of("api-gateway", "2.0.0"), of("eventing", "3.0.0"))
    assert deletions(island) == ["delete HorizontalPodAutoscaler nesoi-system/h"]


def test_a_definition_of_a_module_that_goes_stays_with_the_one_that_brings_it_next(
    brought: dict[tuple[str, str], list[Json]],
) -> None:
    island, memory = Island(), Notebook()
    brought["eventing", "1.0.0"], brought["api-gateway", "2.0.0"] = [definition()], [definition()]
    bring(island, memory, of("eventing", "1.0.0"), of("api-gateway", "1.0.0"))
    theirs: dict[str, Any] = {
        "apiVersion": "gateway.example/v1",
        "kind": "Route",
        "metadata": {"name": "shop"},
    }
    island.objects[ObjectRef.of(theirs)] = theirs
    known = all_modules()
    hindered, _ = remove(island, ["eventing"], known, memory)
    assert "1 Route (shop)" in hindered[0].detail, "nobody else would look after it"
    rendered = render(cluster(of("api-gateway", "2.0.0")))
    assert remove(island, ["eventing"], known, memory, rendered=rendered) == ([], [])
    assert set(memory.pages) == {"api-gateway"}
    assert {"routes.gateway.example", "shop"} <= island.names()
