"""Readings that hypothesis makes up: whatever a runtime may look like."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from billing.meters.base import Balancer, Claim, Node, Reading

AT = datetime(2026, 6, 3, 12, tzinfo=UTC)
_words = st.sampled_from(["", "a", "b", "m6i.large", "gp3"])
_counts = st.integers(0, 2**40)

nodes = st.builds(
    Node,
    name=_words,
    pool=_words,
    machine_type=_words,
    zone=_words,
    capacity_millicores=_counts,
    capacity_mib=_counts,
    allocatable_millicores=_counts,
    allocatable_mib=_counts,
    gpus=st.integers(0, 16),
    gpu_model=_words,
    public_addresses=st.integers(0, 3),
    platform=st.booleans(),
)
claims = st.builds(Claim, namespace=_words, name=_words, storage_class=_words, gib=st.integers(0, 2**20))
balancers = st.builds(Balancer, namespace=_words, name=_words, addresses=st.integers(0, 5))


def _some(of: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(of, max_size=6).map(tuple)


readings = st.builds(
    Reading,
    at=st.just(AT),
    nodes=_some(nodes),
    claims=_some(claims),
    snapshots=_some(claims),
    balancers=_some(balancers),
    control_planes=st.integers(0, 1),
    modules=st.sets(_words).map(lambda found: tuple(sorted(found))),
    object_gib=_counts,
    nfs_gib=_counts,
    egress_bytes=_counts,
)
