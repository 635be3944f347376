"""Drift is what we said and is not so any more; what others set, and versions that were raised, are not."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from provisioner.drivers.shoots.drift import drift_of, shape_of
from provisioner.drivers.shoots.garden import garden_of
from provisioner.drivers.shoots.pools import only_ours
from provisioner.drivers.shoots.shoot import shoot_of
from provisioner.runtimes.spec import ClusterSpec, Taint, WorkerPool

GARDEN = garden_of({"namespace": "garden-nesoi"})
POOL = WorkerPool("sys", "m6i.large", 1, 2, ("eu-central-1a",), system=True)
CLUSTER = ClusterSpec(
    name="c",
    provider="aws",
    region="eu-central-1",
    kubernetes_version="1.34.2",
    pools=(POOL,),
    oidc=({"issuerURL": "https://id.example.org", "clientID": "x"},),
    allowed_cidrs=("192.0.2.0/24",),
)


@pytest.fixture
def live() -> Any:
    return copy.deepcopy(shoot_of(CLUSTER, GARDEN)["spec"])


def drift(live: Any) -> tuple[str, ...]:
    return drift_of(CLUSTER, GARDEN, live)


def test_what_was_applied_has_not_drifted(live: Any) -> None:
    assert drift(live) == ()


def test_every_field_that_was_changed_is_named(live: Any) -> None:
    live["purpose"] = "evaluation"
    live["hibernation"]["enabled"] = True
    live["provider"]["workers"][0]["maximum"] = 9
    live["extensions"] = []
    del live["kubernetes"]["kubeAPIServer"]
    assert set(drift(live)) == {
        "spec.purpose",
        "spec.hibernation.enabled",
        "spec.provider.workers[sys].maximum",
        "spec.extensions[acl].type",
        "spec.extensions[acl].providerConfig.rule.action",
        "spec.extensions[acl].providerConfig.rule.type",
        "spec.extensions[acl].providerConfig.rule.cidrs",
        "spec.kubernetes.kubeAPIServer.structuredAuthentication.configMapName",
    }


def test_what_others_set_is_theirs(live: Any) -> None:
    live["dns"] = {"domain": "example.org"}
    live["provider"]["workers"][0]["cri"] = {"name": "containerd"}
    live["extensions"].insert(0, {"type": "shoot-dns-service"})
    assert drift(live) == ()


def test_a_worker_pool_beside_ours_is_drift(live: Any) -> None:
    live["provider"]["workers"].append({"name": "extra"})
    assert drift(live) == ("spec.provider.workers[extra]",)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("taints", [{"key": "a", "effect": "NoSchedule"}]),
        ("zones", ["eu-central-1a", "eu-central-1b"]),
        ("labels", {"team": "sre"}),
        ("annotations", {"team": "sre"}),
    ],
)
def test_what_somebody_adds_to_a_worker_pool_of_ours_is_drift(live: Any, field: str, value: Any) -> None:
    live["provider"]["workers"][0][field] = value
    assert set(drift(live)) == {f"spec.provider.workers[sys].{field}"}


def test_our_own_marks_stay_when_those_of_others_go() -> None:
    taint = {"key": "gpu", "value": "", "effect": "NoSchedule"}
    ours = {"name": "sys", "labels": {"a": "b"}, "taints": [taint]}
    theirs = {
        "name": "sys",
        "labels": {"a": "b", "x": "y"},
        "annotations": {"x": "y"},
        "cri": {"name": "containerd"},
    }
    assert only_ours([ours], [{"name": "extra"}, theirs]) == [{**ours, "cri": {"name": "containerd"}}]


def test_taints_are_compared_by_what_they_say() -> None:
    taints = (Taint("gpu", "", "NoSchedule"), Taint("team", "a", "NoExecute"))
    wish = replace(CLUSTER, pools=(replace(POOL, taints=taints),))
    live = copy.deepcopy(shoot_of(wish, GARDEN)["spec"])
    live["provider"]["workers"][0]["taints"] = [
        {"effect": "NoExecute", "key": "team", "value": "a"},
        {"effect": "NoSchedule", "key": "gpu"},
    ]
    assert drift_of(wish, GARDEN, live) == ()
    del live["provider"]["workers"][0]["taints"][0]
    assert drift_of(wish, GARDEN, live) == ("spec.provider.workers[sys].taints",)


def test_a_raised_version_is_no_drift_and_a_lowered_one_is(live: Any) -> None:
    live["kubernetes"]["version"] = "1.34.9"
    live["provider"]["workers"][0]["machine"]["image"] = {"name": "gardenlinux", "version": "9.9.9"}
    assert drift(live) == ()
    live["kubernetes"]["version"] = "1.34.1"
    assert drift(live) == ("spec.kubernetes.version",)


def test_the_names_stay_few_enough_to_read() -> None:
    pools = tuple(replace(POOL, name=f"p{at}") for at in range(50))
    assert len(drift_of(replace(CLUSTER, pools=pools), GARDEN, {})) == 10


def test_the_shape_follows_every_change_and_nothing_else(live: Any) -> None:
    before = shape_of(live)
    assert shape_of(dict(reversed(live.items()))) == before
    live["provider"]["workers"][0]["maximum"] = 9
    assert shape_of(live) != before
