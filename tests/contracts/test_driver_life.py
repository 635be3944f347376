"""Every driver builds, changes, suspends and removes a cluster by being asked again and again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Fatal
from provisioner.drivers.base import ClusterRef, Role, Situation
from provisioner.drivers.kube.client import KubeClient
from provisioner.drivers.kube.kubeconfig import parse_kubeconfig
from provisioner.drivers.kube.refusals import ApiRefused
from tests.contracts.drivers import Ground, later, ref


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
        apis[Role.VIEWER].call("POST", path, body=config_map)
    assert caught.value.status == 403
    assert apis[Role.ADMIN].call("POST", path, body=config_map)["metadata"]["name"] == "probe"
    assert "items" in apis[Role.VIEWER].call("GET", path)


def test_a_shorter_life_than_the_landscape_allows_becomes_its_shortest(ground: Ground) -> None:
    ground.trouble()
    cluster = ground.wish()
    ground.ready(cluster)
    minted = ground.driver.credentials(ref(cluster), ttl=timedelta(seconds=5), role=Role.VIEWER)
    assert minted.expires_at - utcnow() > timedelta(minutes=9)


def test_a_probe_counts_the_ready_nodes(ground: Ground) -> None:
    ground.trouble()
    cluster = ground.wish()
    ground.ready(cluster)
    assert ground.driver.probe(ref(cluster)) == 1
