"""Plans that can afford it have nodes for the platform alone; nobody orders, fills or pays them but the platform."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from billing.books.loading import meter_facts
from billing.footprint.facts import Facts
from billing.footprint.split import Measured, split_resource
from billing.meters.registry import unbilled
from controlplane.catalog.loading.catalog import Catalog, read_catalog
from controlplane.catalog.loading.reading import CatalogInvalidError
from controlplane.catalog.loading.review import review_catalog
from controlplane.catalog.parameters import Parameters
from controlplane.catalog.plans import PlanFacts, ReleaseFacts
from controlplane.catalog.quota import size_of
from controlplane.catalog.validation import check_parameters
from controlplane.kernel.errors import Refused
from provisioner.drivers.shoots.garden import garden_of
from provisioner.drivers.shoots.shoot import shoot_of
from provisioner.lifecycle.cluster import cluster_spec
from provisioner.modules.catalogue.isolation import BINDINGS, POLICY, PREMISES
from provisioner.modules.objects import SYSTEM_NODES
from provisioner.modules.registry import all_modules
from provisioner.modules.rendering import facts_of, render
from provisioner.runtimes.spec import ClusterSpec, ModuleWish, WorkerPool, cluster_from_json
from provisioner.simulator.cluster.system import COMPONENTS
from tests.pure.clusters import node, seen
from tests.reviewed import reviewed_catalog

CATALOG = reviewed_catalog()
PLANS = {key: CATALOG.plan_facts(key) for key in CATALOG.rows["plan"]}
WITH, WITHOUT = {"aws", "azure", "gcp", "openstack"}, {"free", "trial"}
RELEASE = ReleaseFacts("2026.10.1", "1.34", "1.34.8", {"name": "gardenlinux", "version": "1877.1"}, {})
LABELLED = {SYSTEM_NODES: "true"}


def ordered(plan: PlanFacts, **parameters: Any) -> ClusterSpec:
    wanted: Parameters = check_parameters(plan, {"region": plan.regions[0].name, **parameters})
    return cluster_spec(
        name="c", plan=plan, parameters=wanted, release=RELEASE, owner={}, today=datetime(2026, 11, 1, tzinfo=UTC),
        modules=[ModuleWish(key, "1.0.0") for key in all_modules()],
    )  # fmt: skip


def own_pool(cluster: ClusterSpec) -> WorkerPool | None:
    return next((pool for pool in cluster.pools if pool.platform), None)


def test_every_plan_that_is_paid_for_has_such_nodes_and_the_others_have_none() -> None:
    assert {key for key, plan in PLANS.items() if own_pool(ordered(plan))} == WITH
    assert set(PLANS) == WITH | WITHOUT


@pytest.mark.parametrize("key", sorted(WITH))
def test_the_landscape_is_asked_for_tainted_nodes_that_take_its_components_too(key: str) -> None:
    cluster = ordered(PLANS[key])
    garden = garden_of({"namespace": "garden-nesoi", "floating_pools": {}, "openstack": {}})
    workers = shoot_of(replace(cluster, provider="aws"), garden)["spec"]["provider"]["workers"]
    system = workers[-1]
    assert system["name"] == "system"
    assert system["labels"] == LABELLED
    assert system["taints"] == [{"key": SYSTEM_NODES, "value": "", "effect": "NoSchedule"}]
    assert [worker["systemComponents"]["allow"] for worker in workers] == [False, True]
    assert system["maximum"] >= len(system["zones"]) >= 2  # or Gardener refuses it; two, for one may fail
    assert set(system["zones"]) <= set(workers[0]["zones"])


@pytest.mark.parametrize("key", sorted(WITHOUT))
def test_without_them_the_tenants_first_pool_takes_the_components_and_people_are_warned(key: str) -> None:
    cluster = ordered(PLANS[key])
    assert [(pool.system, pool.taints) for pool in cluster.pools] == [(True, ())]
    assert actions_of(cluster) == ["Warn", "Audit"]
    assert all("nodeSelector" not in pod for pod in pods_of(cluster, "Deployment"))


def actions_of(cluster: ClusterSpec) -> Any:
    documents = [one for each in render(cluster) for one in each.objects]
    bindings = [one for one in documents if one["kind"] == "ValidatingAdmissionPolicyBinding"]
    found = {one["spec"]["policyName"]: one["spec"]["validationActions"] for one in bindings}
    assert found.pop(PREMISES) == ["Deny", "Audit"], "the platform's namespaces are its own in every plan"
    assert set(found) == {POLICY, BINDINGS}
    assert found[POLICY] == found[BINDINGS]
    return found[POLICY]


def said_by(policy: Any) -> str:
    return " ".join(rule["expression"] for rule in policy["spec"]["validations"])


def pods_of(cluster: ClusterSpec, kind: str) -> list[Any]:
    documents = [one for each in render(cluster) for one in each.objects]
    return [one["spec"]["template"]["spec"] for one in documents if one["kind"] == kind]


def test_with_them_components_go_there_and_custom_work_is_denied_what_leads_there() -> None:
    cluster = ordered(PLANS["aws"])
    assert facts_of(cluster).system_pool
    assert actions_of(cluster) == ["Deny", "Audit"]
    for pod in pods_of(cluster, "Deployment"):
        assert pod["nodeSelector"] == LABELLED
        assert pod["tolerations"] == [{"key": SYSTEM_NODES, "operator": "Exists", "effect": "NoSchedule"}]
    documents = [one for each in render(cluster) for one in each.objects]
    policies = {
        one["metadata"]["name"]: one for one in documents if one["kind"] == "ValidatingAdmissionPolicy"
    }
    assert {one["spec"]["failurePolicy"] for one in policies.values()} == {"Fail"}
    rules = {name: said_by(policy) for name, policy in policies.items()}
    assert all(word in rules[POLICY] for word in (SYSTEM_NODES, "tolerations", "nodeSelector", "nodeName"))
    assert "system:kube-scheduler" in rules[BINDINGS]


@pytest.mark.parametrize("key", sorted(WITH))
def test_every_module_fits_on_the_fewest_nodes_with_what_the_landscape_runs_there(key: str) -> None:
    pool = PLANS[key].system_pool
    assert pool is not None
    modules = [module.footprint for module in all_modules().values()]
    each_cpu = sum(one.cpu for one in COMPONENTS if not one.replicas) + sum(
        one.per_node_cpu_millicores for one in modules
    )
    each_mib = sum(one.memory for one in COMPONENTS if not one.replicas) + sum(
        one.per_node_memory_mib for one in modules
    )
    cpu = sum(one.cpu * one.replicas for one in COMPONENTS) + sum(one.cpu_millicores for one in modules)
    mib = sum(one.memory * one.replicas for one in COMPONENTS) + sum(one.memory_mib for one in modules)
    count = pool.minimum - 1  # while one is replaced, too
    assert cpu + count * each_cpu < count * (pool.machine.vcpu * 1000 - 100)
    assert mib + count * each_mib < count * (int(pool.machine.memory_gib) * 1024 - 1300)


def test_a_tenants_quota_counts_what_it_ordered() -> None:
    cluster = ordered(PLANS["aws"]).as_json()
    size = size_of(cluster, PLANS["aws"])
    main = cluster["pools"][0]
    assert (size.vcpu, size.memory_gib) == (main["maximum"] * 2, main["maximum"] * 8)
    tenants = {**cluster, "pools": [{**pool, "platform": False} for pool in cluster["pools"]]}
    assert size_of(tenants, PLANS["aws"]).vcpu == size.vcpu + 3 * 2
    assert cluster_from_json(cluster).as_json() == cluster
    older = {**cluster, "pools": [{k: v for k, v in main.items() if k != "platform"}]}
    assert not cluster_from_json(older).pools[0].platform


@pytest.mark.parametrize("mark", ["labels", "annotations", "taints"])
def test_nobody_orders_nodes_that_bear_the_platforms_marks(mark: str) -> None:
    marks: Any = [{"key": SYSTEM_NODES, "effect": "NoSchedule"}] if mark == "taints" else LABELLED
    pool = {"name": "mine", "machineType": "m6i.large", "autoScalerMin": 3, "autoScalerMax": 3, mark: marks}
    with pytest.raises(Refused) as refused:
        check_parameters(PLANS["aws"], {"region": "eu-central-1", "additionalWorkerNodePools": [pool]})
    assert {fault.code for fault in refused.value.errors} == {"key_reserved"}


def test_what_is_ordered_for_the_platform_is_on_nobodys_bill() -> None:
    nodes = [node("a"), node("b", labels=LABELLED), node("c", labels=LABELLED)]
    levels = seen(nodes=nodes, own_nodes={"m6i.large": 2}).levels
    assert levels["vcpu"] == {"": 2000}
    assert levels["node"] == {"m6i.large": 1}
    assert levels["platform_vcpu"] == {"": 4000}
    assert levels["platform_memory"] == {"": 2 * 7840}
    assert unbilled() == {"platform_vcpu", "platform_memory"}
    assert not unbilled() & meter_facts().keys()


def test_who_marks_nodes_as_the_platforms_pays_for_them_all_the_same() -> None:
    mine = [
        node("a", labels=LABELLED),
        node("b", "m6i.large", labels=LABELLED),
        node("c", "p4d.24xlarge", labels=LABELLED),
    ]
    assert "platform_vcpu" not in seen(nodes=mine).levels
    levels = seen(nodes=mine, own_nodes={"m6i.large": 1}).levels
    assert levels["node"] == {"m6i.large": 1, "p4d.24xlarge": 1}


def test_of_a_footprint_the_platforms_nodes_are_the_platforms_whether_its_components_take_them_or_not() -> (
    None
):
    shared = Measured(10_000, 9_000, 3_000, 2_000, 1_000, 500)
    assert split_resource(shared).parts == (3_000, 1_000, 1_000, 5_000)
    assert split_resource(shared._replace(own=4_000)).parts == (3_000, 3_600, 1_000, 2_400)
    assert split_resource(shared._replace(own=4_000, platform_requested=3_800)).parts.platform == 3_800


def test_their_price_is_what_they_would_cost_a_tenant() -> None:
    quantities = {("platform_vcpu", ""): 7, ("vcpu", ""): 5, ("node", "m6i.large"): 1}
    facts = Facts.__new__(Facts)
    object.__setattr__(facts, "quantities", quantities)
    assert facts.own_nodes == {("vcpu", ""): 7}


@pytest.mark.parametrize(
    ("pool", "code"),
    [
        ({"machine_type": "m6i.larg", "minimum": 1, "maximum": 2}, "machine_type_unknown"),
        ({"machine_type": "m6i.large", "minimum": 3, "maximum": 2}, "nodes_out_of_order"),
    ],
)
def test_a_pool_that_can_not_be_is_refused_when_the_files_are_read(pool: dict[str, Any], code: str) -> None:
    catalog: Catalog = read_catalog()
    catalog.rows["plan"]["aws"]["definition"]["system_pool"] = pool
    with pytest.raises(CatalogInvalidError) as refused:
        review_catalog(catalog, today=datetime(2026, 11, 1, tzinfo=UTC).date())
    assert [fault.code for fault in refused.value.faults] == [code]
