"""What is read from the lists of a cluster."""

from __future__ import annotations

from typing import Any

import pytest

from billing.collecting.quantities import UnreadableError
from billing.collecting.sight import Sight
from billing.meters.base import Part, Share
from tests.pure.clusters import balancer, claim, container, node, pod, seen, snapshot, space, usage


def test_nodes_count_by_their_capacity_and_tell_what_is_allocatable() -> None:
    found = seen(nodes=[node("n1", labels={"worker.gardener.cloud/pool": "main"}), node("n2")])
    assert found.levels["vcpu"] == {"": 4000}
    assert found.levels["memory"] == {"": 2 * 7840}
    assert found.levels["node"] == {"m6i.large": 2}
    assert found.reading.nodes[0].pool == "main"
    assert found.reading.nodes[0].allocatable_millicores == 1920


def test_a_machine_type_that_nobody_names_fails_nothing() -> None:
    found = seen(nodes=[node("n1", machine=""), node("n2", machine="quantum.9000")])
    assert found.levels["node"] == {"unknown": 1, "quantum.9000": 1}
    assert "1 nodes do not say their machine type" in found.oddities


def test_gpus_count_by_model() -> None:
    labels = {"nvidia.com/gpu.product": "NVIDIA-L4"}
    nodes = [
        node("n1", labels=labels, capacity={"nvidia.com/gpu": "2"}),
        node("n2", capacity={"amd.com/gpu": "1"}),
        node("n3", labels=labels),
    ]
    assert seen(nodes=nodes).levels["gpu"] == {"NVIDIA-L4": 2, "unknown": 1}


def test_only_bound_claims_count_with_the_size_of_their_volume_rounded_up() -> None:
    claims = [
        claim("a", "10Gi"),
        claim("b", "10241Mi"),
        claim("c", "99Gi", phase="Pending"),
        claim("d", "4Gi", "io1"),
    ]
    assert seen(claims=claims).levels["block_storage"] == {"gp3": 21, "io1": 4}


def test_claims_of_a_file_service_are_no_block_storage() -> None:
    found = seen(claims=[claim("a", "10Gi", "efs", maker="efs.csi.aws.com"), claim("b", "1Gi")])
    assert found.levels["nfs"] == {"": 10}
    assert found.levels["block_storage"] == {"gp3": 1}


def test_snapshots_count_once_they_are_ready() -> None:
    found = seen(
        claims=[claim("data", "20Gi")],
        snapshots=[snapshot("a", "7Gi"), snapshot("b", None), snapshot("c", "9Gi", ready=False)],
    )
    assert found.levels["snapshots"] == {"default": 27}


def test_a_snapshot_without_a_size_is_told_and_fails_nothing() -> None:
    found = seen(snapshots=[snapshot("lost", None, source="gone"), snapshot("a", "7Gi")])
    assert found.levels["snapshots"] == {"default": 7}
    assert found.oddities[0].startswith("snapshot shop/lost tells no size")


def test_balancers_count_with_an_address_and_private_ones_hold_no_public_one() -> None:
    found = seen(
        services=[
            balancer("front", {"ip": "203.0.113.7"}, {"ip": "2001:db8::1"}),
            balancer("named", {"hostname": "x.elb.amazonaws.com"}),
            balancer("inside", {"ip": "10.1.2.3"}),
            balancer("waiting"),
            balancer("plain", {"ip": "203.0.113.8"}, kind="ClusterIP"),
        ]
    )
    assert found.levels["load_balancer"] == {"": 3}
    assert found.levels["public_address"] == {"": 3}


def test_a_node_with_a_public_address_of_its_own_is_counted() -> None:
    addresses = [
        {"type": "InternalIP", "address": "10.0.0.1"},
        {"type": "ExternalIP", "address": "198.51.100.4"},
    ]
    assert seen(nodes=[node("n1", addresses=addresses)]).levels["public_address"] == {"": 1}


def test_platform_namespaces_report_what_no_list_shows() -> None:
    said = {"nesoi.dev/object-gib": "120", "nesoi.dev/nfs-gib": "8"}
    labelled = {"nesoi_dev__part": "platform", "nesoi_dev__module": "istio"}
    found = seen(namespaces=[space("mesh", said, **labelled), space("mine", said, nesoi_dev__module="fake")])
    assert found.levels["object_storage"] == {"": 120}
    assert found.levels["nfs"] == {"": 8}
    assert found.levels["module"] == {"istio": 1}


def test_requests_are_split_by_whose_the_namespace_is() -> None:
    found = seen(
        namespaces=[space("shop"), space("agents", nesoi_dev__part="platform")],
        pods=[
            pod("a", "shop"),
            pod("b", "shop"),
            pod("c", "kube-system"),
            pod("d", "agents"),
            pod("e", "newborn"),
        ],
    ).reading
    assert found.parts[Part.WORKLOAD] == Share(300, 384, pods=3)
    assert found.parts[Part.PLATFORM] == Share(200, 256, pods=2)


def test_pods_that_ended_or_wait_for_a_node_hold_no_room() -> None:
    pods = [
        pod("a", "shop", phase="Succeeded"),
        pod("b", "shop", phase="Failed"),
        pod("c", "shop", phase="Pending", nodeName=""),
        pod("d", "shop", phase="Pending"),
    ]
    assert seen(pods=pods).reading.parts[Part.WORKLOAD].pods == 1


@pytest.mark.parametrize(
    ("spec", "millicores"),
    [
        ({"initContainers": [container("900m", "1Mi")]}, 900),
        ({"initContainers": [container("50m", "1Mi")]}, 100),
        ({"initContainers": [container("50m", "1Mi", restartPolicy="Always")]}, 150),
        (
            {"initContainers": [container("50m", "1Mi", restartPolicy="Always"), container("900m", "1Mi")]},
            950,
        ),
        (
            {"initContainers": [container("900m", "1Mi"), container("50m", "1Mi", restartPolicy="Always")]},
            900,
        ),
        ({"overhead": {"cpu": "250m", "memory": "120Mi"}}, 350),
        ({"resources": {"requests": {"cpu": "2"}}}, 2000),
        ({"containers": [{"name": "a", "resources": {"limits": {"cpu": "300m"}}}]}, 300),
        ({"containers": [{"name": "a"}]}, 0),
    ],
)
def test_a_pod_asks_for_what_the_scheduler_would_give_it(spec: dict[str, Any], millicores: int) -> None:
    found = seen(pods=[pod("a", "shop", **spec)]).reading
    assert found.parts[Part.WORKLOAD].requested_millicores == millicores


def test_components_are_named_by_their_label_or_their_owner() -> None:
    replica_set = {"kind": "ReplicaSet", "name": "coredns-5d78c9869d", "controller": True}
    daemon_set = {"kind": "DaemonSet", "name": "node-agent", "controller": True}
    pods = [
        pod("calico-node-x", "kube-system", labels={"k8s-app": "calico-node"}),
        pod("calico-node-y", "kube-system", labels={"k8s-app": "calico-node"}),
        pod("coredns-5d78c9869d-abcde", "kube-system", owners=[replica_set]),
        pod("node-agent-abcde", "kube-system", owners=[daemon_set]),
        pod("lonely", "kube-system"),
        pod("mine", "shop", labels={"app": "mine"}),
    ]
    found = seen(pods=pods, metrics=[usage("calico-node-x", "kube-system", "7500000n", "20480Ki")]).reading
    assert sorted(found.components) == ["calico-node", "coredns", "lonely", "node-agent"]
    assert found.components["calico-node"] == Share(200, 256, 7, 20, 2)


def test_whoever_fills_kube_system_with_names_fills_one_entry() -> None:
    pods = [pod(f"p{index}", "kube-system", cpu=f"{index + 1}m") for index in range(150)]
    found = seen(pods=pods).reading
    assert len(found.components) == 101
    assert found.components["other"].pods == 50
    assert sum(each.requested_millicores for each in found.components.values()) == 150 * 151 // 2


def test_use_is_summed_before_it_is_rounded() -> None:
    metrics = [usage(name, "shop", "600001n", "700Ki") for name in ("a", "b")]
    found = seen(pods=[pod("a", "shop"), pod("b", "shop")], metrics=metrics).reading
    assert found.usage_known
    assert found.parts[Part.WORKLOAD].used_millicores == 1
    assert found.parts[Part.WORKLOAD].used_mib == 1


def test_without_metrics_levels_are_measured_and_use_is_unknown() -> None:
    found = seen(nodes=[node("n1")], pods=[pod("a", "shop")])
    assert not found.reading.usage_known
    assert found.levels["node"] == {"m6i.large": 1}
    assert "the cluster serves no metrics" in found.oddities


@pytest.mark.parametrize(
    "lists",
    [
        {"nodes": [{"metadata": {"name": "n", "uid": "u"}, "status": {}}]},
        {"nodes": [node("n1", capacity={"cpu": "many"})]},
        {"nodes": [node("n1", capacity={"cpu": "-2"})]},
        {"pods": [pod("a", "shop", cpu="NaN")]},
        {"claims": [{"metadata": {"name": "a"}, "spec": {}, "status": {"phase": "Bound"}}]},
        {"services": [balancer("a", {"ip": "not an address"})]},
        {"metrics": [{"metadata": {"name": "a", "namespace": "b"}, "containers": [{"name": "c"}]}]},
    ],
)
def test_a_list_that_says_nonsense_gives_no_sight_at_all(lists: dict[str, Any]) -> None:
    with pytest.raises(UnreadableError):
        seen(**lists)


def test_another_incarnation_is_another_epoch() -> None:
    first = seen()
    again = seen(namespaces=[{"metadata": {"name": "kube-system", "uid": "rebuilt"}}])
    assert first.epoch != again.epoch
    assert 0 < first.epoch < 2**15


def held_between(before: Sight, after: Sight) -> bool:
    return before.present == after.present


def test_sights_of_the_very_same_things_are_told_by_their_uids() -> None:
    before = seen(nodes=[node("n1")], claims=[claim("a", "10Gi")])
    assert held_between(
        before, seen(nodes=[node("n1")], claims=[claim("a", "10Gi")], pods=[pod("x", "shop")])
    )
    replaced = node("n1")
    replaced["metadata"]["uid"] = "another"
    assert not held_between(before, seen(nodes=[replaced], claims=[claim("a", "10Gi")]))
    assert not held_between(before, seen(nodes=[node("n1")], claims=[claim("a", "11Gi")]))
    assert not held_between(before, seen(nodes=[node("n1"), node("n2")], claims=[claim("a", "10Gi")]))
