"""Every driver builds, changes, suspends and removes a cluster by being asked again and again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
import yaml

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Fatal, Retry
from provisioner.drivers.base import ClusterRef, Role, Situation
from provisioner.drivers.kube.client import KubeClient
from provisioner.drivers.kube.kubeconfig import parse_kubeconfig
from provisioner.drivers.kube.refusals import ApiRefused
from provisioner.runtimes.spec import ClusterSpec
from provisioner.steps.grant_access import binding_of
from tests.contracts.drivers import Ground, later, ref

# As Any: the client ships half of its types.
client: Any = import_module("kubernetes.client")
config: Any = import_module("kubernetes.config")


def test_a_cluster_goes_from_nothing_to_ready_and_back_to_nothing(ground: Ground) -> None:
    cluster = ground.wish()
    assert ground.driver.observe(ref(cluster)).situation is Situation.ABSENT
    assert ground.driver.ensure(cluster).situation is Situation.CHANGING
    seen = ground.until(cluster, lambda seen: seen.situation is Situation.READY)
    assert seen.generation == 1
    assert seen.owner["runtime"] == cluster.labels["nesoi.dev/runtime"]
    assert seen.kubernetes_version.startswith("1.34")
    assert seen.api_endpoint.startswith("https://")
    assert seen.conditions
    ground.remove(cluster)
    assert ground.driver.observe(ref(cluster)).situation is Situation.ABSENT


def test_asking_again_for_what_is_there_changes_nothing(ground: Ground) -> None:
    cluster = ground.wish()
    ground.ready(cluster)
    before = ground.driver.ensure(cluster)  # takes over the versions that the landscape chose
    again = ground.driver.ensure(cluster)
    assert before.situation is again.situation is Situation.READY
    assert again.version == before.version


def test_a_change_is_carried_out_and_told_by_its_generation(ground: Ground) -> None:
    cluster = ground.wish()
    ground.ready(cluster)
    changed = later(cluster, pools=(replace(cluster.pools[0], maximum=5),))
    assert ground.driver.ensure(changed).situation is Situation.CHANGING
    assert ground.until(changed, lambda seen: seen.situation is Situation.READY).generation == 2


def test_a_wish_for_an_older_patch_leaves_the_newer_one(ground: Ground) -> None:
    cluster = ground.wish()
    version = ground.ready(cluster).kubernetes_version
    older = ground.driver.ensure(later(cluster, kubernetes_version="1.34.0"))
    assert older.kubernetes_version == version


def test_a_hibernated_cluster_is_ready_when_it_sleeps(ground: Ground) -> None:
    cluster = ground.wish()
    ground.ready(cluster)
    asleep = later(cluster, hibernated=True)
    assert ground.driver.ensure(asleep).situation is Situation.CHANGING
    assert ground.until(asleep, lambda seen: seen.situation is Situation.READY).hibernated
    awake = later(asleep, hibernated=False)
    ground.driver.ensure(awake)
    assert not ground.until(awake, lambda seen: seen.situation is Situation.READY).hibernated


def test_a_cluster_of_somebody_else_is_neither_changed_nor_removed(ground: Ground) -> None:
    theirs = ground.wish()
    before = ground.ready(theirs)
    ours = replace(theirs, labels={**theirs.labels, "nesoi.dev/runtime": "another"})
    with pytest.raises(Fatal) as caught:
        ground.driver.ensure(ours)
    assert caught.value.code == "name_taken"
    assert ground.driver.observe(ref(ours)).situation is Situation.ABSENT
    assert ground.driver.ensure_absent(ref(ours)).situation is Situation.ABSENT
    with pytest.raises(Fatal):
        ground.driver.credentials(ref(ours), ttl=timedelta(hours=1), role=Role.ADMIN)
    assert ground.driver.observe(ref(theirs)).version == before.version


def test_a_cluster_whose_creation_was_never_acknowledged_is_adopted(ground: Ground) -> None:
    cluster = ground.wish()
    ground.driver.ensure(cluster)  # this answer is the one that got lost
    again = ground.driver.ensure(cluster)
    assert again.owner["runtime"] == cluster.labels["nesoi.dev/runtime"]


def test_a_cluster_deleted_while_it_is_built_is_gone(ground: Ground) -> None:
    cluster = ground.wish()
    ground.driver.ensure(cluster)
    ground.remove(cluster)


def test_removing_what_was_never_there_is_done_at_once(ground: Ground) -> None:
    assert ground.driver.ensure_absent(ClusterRef("neverwas")).situation is Situation.ABSENT


def test_a_minted_kubeconfig_expires_and_keeps_to_its_role(ground: Ground) -> None:
    ground.trouble()
    cluster = ground.wish()
    ground.ready(cluster)
    minted = {
        role: ground.driver.credentials(ref(cluster), ttl=timedelta(hours=1), role=role) for role in Role
    }
    left = minted[Role.ADMIN].expires_at - utcnow()
    assert timedelta(minutes=58) < left <= timedelta(minutes=61)
    assert "client-key" not in repr(minted[Role.ADMIN])
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "probe"}}
    path = "/api/v1/namespaces/default/configmaps"
    apis = {
        role: KubeClient(parse_kubeconfig(minted[role].yaml), name=role, timeout_seconds=10, landscape=False)
        for role in Role
    }
    with pytest.raises(ApiRefused) as caught:
        apis[Role.VIEW].call("POST", path, body=config_map)
    assert caught.value.status == 403
    assert apis[Role.ADMIN].call("POST", path, body=config_map)["metadata"]["name"] == "probe"
    assert "items" in apis[Role.VIEW].call("GET", path)


def test_a_shorter_life_than_the_landscape_allows_becomes_its_shortest(ground: Ground) -> None:
    ground.trouble()
    cluster = ground.wish()
    ground.ready(cluster)
    minted = ground.driver.credentials(ref(cluster), ttl=timedelta(seconds=5), role=Role.VIEW)
    assert minted.expires_at - utcnow() > timedelta(minutes=9)


def test_a_probe_counts_the_ready_nodes(ground: Ground) -> None:
    ground.trouble()
    cluster = ground.wish()
    ground.ready(cluster)
    assert ground.driver.probe(ref(cluster)) == 1


def subjects(ground: Ground, cluster: ClusterSpec) -> list[str]:
    """Read the administrators as the tenant would: with the Python client and a viewer's kubeconfig."""
    minted = ground.driver.credentials(ref(cluster), ttl=timedelta(minutes=10), role=Role.VIEW)
    with config.new_client_from_config_dict(yaml.safe_load(minted.yaml)) as api:
        rbac = client.RbacAuthorizationV1Api(api)
        binding = rbac.read_cluster_role_binding("nesoi-administrators")
    assert binding.role_ref.name == "cluster-admin"
    return [one.name for one in binding.subjects or ()]


def may_do_everything(ground: Ground, cluster: ClusterSpec, user: str) -> bool:
    """Ask the cluster itself."""
    minted = ground.driver.credentials(ref(cluster), ttl=timedelta(minutes=10), role=Role.ADMIN)
    asked = {"user": user, "resourceAttributes": {"verb": "*", "group": "*", "resource": "*"}}
    with config.new_client_from_config_dict(yaml.safe_load(minted.yaml)) as api:
        review = client.AuthorizationV1Api(api).create_subject_access_review({"spec": asked})
    return bool(review.status.allowed)


def test_administrators_are_masters_of_the_cluster_until_they_are_named_no_more(ground: Ground) -> None:
    ground.trouble()
    cluster = ground.wish(administrators=("ada@example.org", "bob"))
    ground.ready(cluster)
    ground.driver.apply(ref(cluster), [binding_of(cluster)])
    ground.driver.apply(ref(cluster), [binding_of(cluster)])
    assert subjects(ground, cluster) == ["ada@example.org", "bob"]
    assert may_do_everything(ground, cluster, "ada@example.org")
    ground.driver.apply(ref(cluster), [binding_of(replace(cluster, administrators=("bob",)))])
    assert subjects(ground, cluster) == ["bob"]
    assert not may_do_everything(ground, cluster, "ada@example.org")
    ground.driver.apply(ref(cluster), [binding_of(replace(cluster, administrators=()))])
    assert subjects(ground, cluster) == []


def test_objects_of_several_kinds_are_applied_in_their_order(ground: Ground) -> None:
    ground.trouble()
    cluster = ground.wish()
    ground.ready(cluster)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "made"}}
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": "made"},
        "data": {"a": "b"},
    }
    ground.driver.apply(ref(cluster), [namespace, config_map])
    minted = ground.driver.credentials(ref(cluster), ttl=timedelta(minutes=10), role=Role.VIEW)
    with config.new_client_from_config_dict(yaml.safe_load(minted.yaml)) as api:
        assert client.CoreV1Api(api).read_namespaced_config_map("settings", "made").data == {"a": "b"}


def test_what_a_cluster_will_not_take_tells_passing_from_lasting(ground: Ground) -> None:
    ground.trouble()
    cluster = ground.wish()
    ground.ready(cluster)
    unserved = {"apiVersion": "not.there/v1", "kind": "Thing", "metadata": {"name": "x"}}
    with pytest.raises(Retry) as passing:
        ground.driver.apply(ref(cluster), [unserved])
    assert (passing.value.code, passing.value.landscape_fault) == ("kind_not_served", False)
    nowhere = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "x", "namespace": "never-was"},
    }
    with pytest.raises(Fatal):
        ground.driver.apply(ref(cluster), [nowhere])


def test_nothing_is_applied_to_a_cluster_of_somebody_else(ground: Ground) -> None:
    theirs = ground.wish()
    ground.ready(theirs)
    with pytest.raises(Fatal) as caught:
        ground.driver.apply(ClusterRef(theirs.name, owner="another"), [binding_of(theirs)])
    assert caught.value.code == "cluster_absent"


def test_a_restricted_and_filtered_cluster_is_built_and_opened_again(ground: Ground) -> None:
    issuer = {"issuerURL": "https://id.example.org", "clientID": "nesoi", "usernameClaim": "sub"}
    closed = ground.wish(ingress_filtering=True, allowed_cidrs=("192.0.2.0/24",), oidc=(issuer,))
    ground.ready(closed)
    opened = later(closed, ingress_filtering=False, allowed_cidrs=(), oidc=())
    ground.driver.ensure(opened)
    assert ground.until(opened, lambda seen: seen.situation is Situation.READY).generation == 2
    if ground.simulator is not None:
        spec = ground.simulator.shoot(closed.name)["spec"]
        assert "extensions" not in spec
        assert "structuredAuthentication" not in spec["kubernetes"].get("kubeAPIServer", {})
