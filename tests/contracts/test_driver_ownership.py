"""A cluster whose owner label somebody took away is neither taken for absent nor left behind."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

import pytest

from controlplane.kernel.errors import Audience, Fatal, Retry
from provisioner.drivers.base import ClusterRef, EventType, Observed, Situation
from provisioner.runtimes.spec import ClusterSpec
from tests.contracts.drivers import Ground, later, ref
from tests.contracts.test_driver_watch import listed

OWNER = "nesoi.dev/runtime"


def strip(ground: Ground, cluster: ClusterSpec, *, proof: bool) -> None:
    """Take the label away, and with it what proves whose the cluster is."""
    metadata: dict[str, Any] = {"labels": {OWNER: None}}
    if proof:
        metadata["annotations"] = {OWNER: None}
    ground.trouble().patch_shoot(cluster.name, {"metadata": metadata})


@pytest.fixture
def cluster(ground: Ground) -> ClusterSpec:
    ground.trouble()
    made = ground.wish()
    ground.ready(made)
    return made


def test_a_cluster_without_its_label_is_still_its_owners(ground: Ground, cluster: ClusterSpec) -> None:
    strip(ground, cluster, proof=False)
    assert ground.driver.observe(ref(cluster)).situation is Situation.READY
    assert ground.driver.observe(ClusterRef(cluster.name, "another")).situation is Situation.ABSENT
    ground.driver.change(later(cluster))
    assert ground.trouble().shoot(cluster.name)["metadata"]["labels"][OWNER] == cluster.labels[OWNER]


def test_a_cluster_without_its_label_is_removed_where_the_watch_sees_it(
    ground: Ground, cluster: ClusterSpec
) -> None:
    strip(ground, cluster, proof=False)
    with ground.trouble().set(delete_seconds=30):
        assert ground.driver.ensure_absent(ref(cluster)).situation is not Situation.ABSENT
        names = [
            event.observed.name for event in listed(ground) if event.type is EventType.SEEN and event.observed
        ]
    assert cluster.name in names
    ground.remove(cluster)


@pytest.mark.parametrize(
    "call",
    [
        lambda ground, cluster: ground.driver.ensure_absent(ref(cluster)),
        lambda ground, cluster: ground.driver.observe(ref(cluster)),
        lambda ground, cluster: ground.driver.ensure(cluster),
        lambda ground, cluster: ground.driver.revoke(ref(cluster), name="who"),
    ],
    ids=["ensure_absent", "observe", "ensure", "revoke"],
)
def test_one_that_no_longer_says_for_whom_we_made_it_needs_a_person(
    ground: Ground, cluster: ClusterSpec, call: Callable[[Ground, ClusterSpec], object]
) -> None:
    strip(ground, cluster, proof=True)
    with pytest.raises(Fatal, match="set the label back") as caught:
        call(ground, cluster)
    assert (caught.value.code, caught.value.audience) == ("owner_label_lost", Audience.SRE)
    label = {"metadata": {"labels": {OWNER: cluster.labels[OWNER]}}}
    ground.trouble().patch_shoot(cluster.name, label)
    ground.remove(cluster)


def test_the_inventory_lists_what_the_watch_can_not_see(ground: Ground, cluster: ClusterSpec) -> None:
    ground.trouble().create_shoot("elsewhose", wait=False)
    try:
        strip(ground, cluster, proof=False)
        assert cluster.name not in {event.observed.name for event in listed(ground) if event.observed}
        found = {seen.name: seen.tagged for seen in ground.driver.inventory()}
        assert found[cluster.name] is False
        assert "elsewhose" not in found
        assert not any(row.told or row.conditions or row.shape for row in ground.driver.inventory())
    finally:
        ground.trouble().delete_shoot("elsewhose")


@pytest.mark.parametrize("word", ["ensure", "change"])
def test_what_others_put_among_the_pools_goes_with_our_next_word(
    ground: Ground, cluster: ClusterSpec, word: str
) -> None:
    before = ground.trouble().shoot(cluster.name)["spec"]["provider"]["workers"]
    ours = copy.deepcopy(before[0])
    runtimes = {"name": "containerd", "containerRuntimes": [{"type": "gvisor"}]}
    image = {**ours["machine"]["image"], "providerConfig": {"kind": "theirs"}}
    ours |= {"cri": runtimes, "machine": {**ours["machine"], "image": image}}
    spoiled = {
        **ours,
        "labels": {"team": "sre"},
        "taints": [{"key": "a", "effect": "NoSchedule"}],
    }
    workers = [{**before[0], "name": "extra"}, spoiled]
    ground.trouble().patch_shoot(cluster.name, {"spec": {"provider": {"workers": workers}}})
    assert set(ground.driver.drift(cluster, ground.driver.observe(ref(cluster)))) == {
        "spec.provider.workers[extra]",
        "spec.provider.workers[sys].labels",
        "spec.provider.workers[sys].taints",
    }
    told = said(ground, word, cluster)
    assert ground.driver.drift(cluster, told) == ()
    assert ground.trouble().shoot(cluster.name)["spec"]["provider"]["workers"] == [ours]
    settled = ground.until(cluster, lambda seen: seen.situation is Situation.READY)
    assert said(ground, word, cluster).version == settled.version


def said(ground: Ground, word: str, cluster: ClusterSpec, seconds: float = 20.0) -> Observed:
    """Say it as a step does: again, where the landscape wrote to the Shoot in between."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            told: Observed = getattr(ground.driver, word)(cluster)
        except Retry:
            if time.monotonic() > deadline:
                raise
        else:
            return told


def test_a_change_makes_no_cluster(ground: Ground) -> None:
    cluster = ground.wish()
    with pytest.raises(Fatal) as caught:
        ground.driver.change(cluster)
    assert (caught.value.code, caught.value.audience) == ("cluster_missing", Audience.SRE)
    assert ground.driver.observe(ref(cluster)).situation is Situation.ABSENT


def test_a_watch_tells_whose_cluster_lost_its_label(ground: Ground, cluster: ClusterSpec) -> None:
    events = ground.driver.watch(None)
    while next(events).type is not EventType.RELIST_END:
        pass
    strip(ground, cluster, proof=True)
    for event in events:
        if event.type is EventType.GONE and event.observed and event.observed.name == cluster.name:
            break
    assert event.observed is not None
    assert event.observed.owner["runtime"] == cluster.labels[OWNER]
