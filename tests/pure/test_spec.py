"""A cluster's spec survives its way through JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from hypothesis import given
from hypothesis import strategies as st

from provisioner.runtimes.phases import PHASES_OF, Kind
from provisioner.runtimes.spec import ClusterSpec, ModuleWish, Taint, WorkerPool, cluster_from_json

words = st.text("abcdefghij-0123456789", min_size=1, max_size=12)
texts = st.dictionaries(words, words, max_size=3)
pools = st.builds(
    WorkerPool,
    name=words,
    machine_type=words,
    minimum=st.integers(0, 5),
    maximum=st.integers(5, 9),
    zones=st.lists(words, max_size=3).map(tuple),
    system=st.booleans(),
    labels=texts,
    annotations=texts,
    taints=st.lists(st.builds(Taint, words, words, words), max_size=2).map(tuple),
)
clusters = st.builds(
    ClusterSpec,
    name=words,
    provider=words,
    region=words,
    kubernetes_version=words,
    pools=st.lists(pools, min_size=1, max_size=3).map(tuple),
    machine_image=texts,
    oidc=st.lists(texts, max_size=2).map(tuple),
    administrators=st.lists(words, max_size=2).map(tuple),
    allowed_cidrs=st.lists(words, max_size=2).map(tuple),
    labels=texts,
    annotations=texts,
    hibernated=st.booleans(),
    had_administrators=st.booleans(),
    ingress_filtering=st.booleans(),
)


@given(clusters)
def test_a_cluster_comes_back_from_json_as_it_went(cluster: ClusterSpec) -> None:
    assert cluster_from_json(json.loads(json.dumps(cluster.as_json()))) == cluster
    assert cluster.as_json() == asdict(cluster)


def test_whoever_changes_the_json_does_not_change_the_cluster() -> None:
    settings = {"quotas": [{"cpu": 1}]}
    cluster = ClusterSpec(
        "name", "aws", "region", "1.35", (), modules=(ModuleWish("mesh", "1", settings=settings),)
    )
    cluster.as_json()["modules"][0]["settings"]["quotas"][0]["cpu"] = 2
    assert settings == {"quotas": [{"cpu": 1}]}


@given(clusters)
def test_a_wish_written_before_a_field_was_known_takes_its_default(cluster: ClusterSpec) -> None:
    written = cluster.as_json()
    del written["ingress_filtering"], written["had_administrators"]
    read = cluster_from_json(written)
    assert read == replace(cluster, ingress_filtering=False, had_administrators=False)


def test_every_kind_of_operation_says_where_it_leads() -> None:
    assert set(PHASES_OF) == set(Kind)
