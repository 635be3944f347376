"""What every module of the catalogue must keep: complete, bounded, marked as ours, and in agreement with the catalog's files."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from jsonschema import Draft202012Validator

from controlplane.catalog.loading.catalog import DATA
from provisioner.modules.base import GROUP, ClusterFacts, Module, Request
from provisioner.modules.catalogue.gpu import QUOTA as DRIVERS_QUOTA
from provisioner.modules.catalogue.isolation import quota
from provisioner.modules.objects import MODULE, OURS, PRIORITY, SYSTEM
from provisioner.modules.ordering import find_cycle, in_order, objections
from provisioner.modules.registry import all_modules
from provisioner.modules.rendering import facts_of, in_apply_order, render, with_defaults
from provisioner.modules.versions import objections_to
from provisioner.runtimes.inside import Json, ObjectRef
from provisioner.runtimes.spec import WorkerPool
from tests.modules import cluster, wish

FACTS = ClusterFacts("isle", "aws", "eu-central-1", "1.34.2")
EVERY = [
    pytest.param(module, name, id=f"{key}-{name}")
    for key, module in sorted(all_modules().items())
    for name in module.implementations
]
WORKLOADS = {"Deployment", "DaemonSet", "StatefulSet"}


def rendered(module: Module, implementation: str, *, system_pool: bool = False) -> list[Json]:
    facts = ClusterFacts("isle", "aws", "eu-central-1", "1.34.2", system_pool=system_pool)
    settings = with_defaults(module.schema, {})
    asked = Request(module.key, implementation, "1.2.3", settings, facts)
    return list(module.implementations[implementation].render(asked))


@pytest.mark.parametrize(("module", "implementation"), EVERY)
def test_a_module_is_whole_and_the_same_wish_renders_the_same_objects(
    module: Module, implementation: str
) -> None:
    objects = rendered(module, implementation)
    assert objects == rendered(module, implementation)
    names = [ObjectRef.of(document) for document in objects]
    assert objects
    assert len(names) == len(set(names))
    assert module.owner
    if module.interface:
        own = [document for document in objects if document["kind"] == module.interface.kind]
        assert [document["metadata"]["name"] for document in own] == ["default"]
    kinds = {
        document["spec"]["names"]["kind"] for document in objects if document["kind"].endswith("Definition")
    }
    assert kinds == {kind.kind for kind in (*module.data, *([module.interface] if module.interface else []))}


@pytest.mark.parametrize(("module", "implementation"), EVERY)
def test_everything_of_ours_has_requests_limits_a_priority_and_a_place_of_ours(
    module: Module, implementation: str
) -> None:
    for document in rendered(module, implementation, system_pool=True):
        if "namespace" in document["metadata"]:
            assert document["metadata"]["namespace"] in OURS
        if document["kind"] not in WORKLOADS:
            continue
        pod = document["spec"]["template"]["spec"]
        assert pod["priorityClassName"] == PRIORITY
        assert pod["tolerations"]
        for container in pod["containers"]:
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]
            assert container["securityContext"]["runAsNonRoot"] is True


def requested(objects: list[Json], kind: str) -> tuple[int, int, int]:
    """Millicores, MiB and replicas of all workloads of a kind."""
    cpu = memory = replicas = 0
    for document in objects:
        if document["kind"] == kind:
            number = document["spec"].get("replicas", 1)
            replicas += number
            for container in document["spec"]["template"]["spec"]["containers"]:
                asked = container["resources"]["requests"]
                cpu += number * int(asked["cpu"].removesuffix("m"))
                memory += number * int(asked["memory"].removesuffix("Mi"))
    return cpu, memory, replicas


@pytest.mark.parametrize(("module", "implementation"), EVERY)
def test_no_implementation_takes_more_than_its_module_declares(module: Module, implementation: str) -> None:
    objects, said = rendered(module, implementation), module.footprint
    cpu, memory, replicas = requested(objects, "Deployment")
    node_cpu, node_memory, _ = requested(objects, "DaemonSet")
    assert cpu <= said.cpu_millicores
    assert memory <= said.memory_mib
    assert replicas <= said.replicas
    assert node_cpu <= said.per_node_cpu_millicores
    assert node_memory <= said.per_node_memory_mib


@pytest.mark.parametrize("module", [pytest.param(one, id=key) for key, one in sorted(all_modules().items())])
def test_settings_are_described_and_their_defaults_are_allowed(module: Module) -> None:
    Draft202012Validator.check_schema(module.schema)
    Draft202012Validator(module.schema).validate(with_defaults(module.schema, {}))
    assert module.schema["additionalProperties"] is False
    assert all(child.get("title") for child in module.schema["properties"].values())


def test_the_catalogue_has_no_circle_and_conflicts_with_nothing_unknown() -> None:
    modules = all_modules()
    assert find_cycle(modules, modules) == ()
    assert len(in_order(modules, modules)) == len(modules)
    for module in modules.values():
        assert {*module.requires, *module.conflicts} <= modules.keys()
        assert not objections(_with_needs(module.key, modules), modules)


def _with_needs(key: str, modules: dict[str, Module] | object) -> set[str]:
    known = all_modules()
    found, ahead = set(), [key]
    while ahead:
        one = ahead.pop()
        found.add(one)
        ahead += known[one].requires
    return found


@pytest.mark.parametrize("system_pool", [False, True])
def test_all_modules_and_their_agents_fit_the_platforms_quota_on_the_largest_cluster_of_any_plan(
    system_pool: bool,
) -> None:
    """Twice, as one version or implementation of a module is there until the next one is."""
    largest = [
        WorkerPool(f"p{number}", "m", 1, plan["nodes"]["ceiling"], ("a", "b", "c"))
        for plan in (yaml.safe_load(path.read_text()) for path in (DATA / "plans").glob("*.yaml"))
        for number in range(1 + plan.get("additional_pools", 0))
    ]
    for most in (0, 1, len(largest)):
        pools = tuple(largest[:most])
        facts = replace(facts_of(replace(cluster(), pools=pools)), system_pool=system_pool)
        nodes = facts.most_nodes
        assert nodes >= sum(pool.maximum for pool in pools) + len(pools)
        hard = _hard(facts)
        asked = [_most_asked_in_system(module, facts) for module in all_modules().values()]
        cpu, memory, replicas, node_cpu, node_memory, agents = (
            sum(column) for column in zip(*asked, strict=True)
        )
        assert 2 * (cpu + nodes * node_cpu) <= 1000 * int(hard["requests.cpu"])
        assert 2 * (memory + nodes * node_memory) <= 1024 * int(hard["requests.memory"].removesuffix("Gi"))
        assert 2 * (replicas + nodes * agents) <= int(hard["pods"])


def _hard(facts: ClusterFacts) -> dict[str, str]:
    asked = Request("isolation", "native", "1.0.0", {}, facts)
    objects = all_modules()["isolation"].implementations["native"].render(asked)
    spec = next(
        one["spec"]
        for one in objects
        if one["kind"] == "ResourceQuota" and one["metadata"]["namespace"] == SYSTEM
    )
    assert spec["hard"] == quota(facts.most_nodes)
    return dict(spec["hard"])


def _most_asked_in_system(module: Module, facts: ClusterFacts) -> tuple[int, ...]:
    """Millicores, MiB and pods of a module in the platform's namespace, then the same on each node; the most of any way."""
    ways = []
    for name in module.implementations:
        asked = Request(module.key, name, "1.0.0", with_defaults(module.schema, {}), facts)
        objects = [
            one
            for one in module.implementations[name].render(asked)
            if one["metadata"].get("namespace") == SYSTEM
        ]
        ways.append((*requested(objects, "Deployment"), *requested(objects, "DaemonSet")))
    return tuple(max(column) for column in zip(*ways, strict=True))


def test_the_drivers_fit_their_quota_on_every_node_of_the_largest_cluster() -> None:
    gpu = all_modules()["gpu"].footprint
    nodes = int(DRIVERS_QUOTA["pods"])
    assert nodes * gpu.per_node_cpu_millicores <= 1000 * int(DRIVERS_QUOTA["requests.cpu"])
    assert nodes * gpu.per_node_memory_mib <= 1024 * int(DRIVERS_QUOTA["requests.memory"].removesuffix("Gi"))


def test_every_namespace_of_the_platform_is_bounded_and_shut_by_whoever_makes_it() -> None:
    made: set[str] = set()
    for module in all_modules().values():
        for name in module.implementations:
            objects = rendered(module, name)
            spaces = {one["metadata"]["name"] for one in objects if one["kind"] == "Namespace"}
            bounds = {
                (one["kind"], one["metadata"].get("namespace")): one.get("spec") or {} for one in objects
            }
            for space in spaces:
                assert bounds["ResourceQuota", space]["hard"]["pods"]
                assert bounds["LimitRange", space]["limits"][0]["defaultRequest"].keys() == {"cpu", "memory"}
                shut = next(
                    one["spec"]
                    for one in objects
                    if (one["kind"], one["metadata"]["name"]) == ("NetworkPolicy", "default-deny")
                    and one["metadata"]["namespace"] == space
                )
                assert (shut["podSelector"], shut["policyTypes"]) == ({}, ["Ingress", "Egress"])
                assert all(way.get("from") for way in shut.get("ingress", ()))
            made |= spaces
    assert made == set(OURS)


def test_every_object_says_whose_it_is_and_what_others_stand_on_comes_first() -> None:
    every = render(cluster(wish("isolation"), wish("service-mesh"), wish("telemetry")), facts=FACTS)
    assert all(
        document["metadata"]["labels"][MODULE] == one.wish.key for one in every for document in one.objects
    )
    kinds = [document["kind"] for document in in_apply_order(every)]
    assert kinds.index("Namespace") == 0
    assert max(at for at, kind in enumerate(kinds) if kind == "CustomResourceDefinition") < kinds.index(
        "ResourceQuota"
    )


def test_two_implementations_promise_the_same_to_the_tenant() -> None:
    module = all_modules()["telemetry"]
    promised = []
    for name in ("otel", "vector"):
        objects = rendered(module, name)
        promised.append([one for one in objects if one["kind"] not in WORKLOADS])
        service = next(one for one in objects if one["kind"] == "Service")
        served = [
            one
            for one in objects
            if one["kind"] == "Deployment"
            and service["spec"]["selector"].items() <= one["spec"]["template"]["metadata"]["labels"].items()
        ]
        assert len(served) == 1, "the tenant's address is answered"
    assert promised[0] == promised[1]
    assert any(one["apiVersion"].startswith(GROUP) for one in promised[0])


def test_the_catalogs_files_and_the_catalogue_know_the_same_modules() -> None:
    listed = yaml.safe_load((DATA / "modules.yaml").read_text())["modules"]
    assert {one["key"]: one.get("mandatory", False) for one in listed} == {
        key: module.mandatory for key, module in all_modules().items()
    }
    for path in (DATA / "releases").glob("*.yaml"):
        assert not objections_to(yaml.safe_load(path.read_text())["modules"])
