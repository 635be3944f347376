"""What of a sight becomes a sample, and which missed slots two sights prove."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.collecting.parsing import read_sight
from billing.collecting.samples import Held, asleep_sample, between, sample_of
from billing.collecting.sight import Answers, Sight
from billing.usage.checking import columns_of, faults_of_numbers
from billing.usage.looks import fault_of
from billing.usage.samples import SampleIn
from tests.pure.clusters import AT, claim, node, pod, seen, space, usage

RUNTIME = UUID(int=7)
SECONDS = 300
SLOT = AT.replace(minute=0, second=0)


def held(sight: Sight, slots: int, newest: datetime | None = None) -> Held:
    slot = SLOT + timedelta(seconds=slots * SECONDS)
    return Held(slot, sight.present, sample_of(RUNTIME, slot, sight), newest)


def cluster(*, asked: str = "100m", volume: str = "10Gi", name: str = "n1") -> Sight:
    return seen(
        nodes=[node(name)],
        claims=[claim("data", volume)],
        pods=[pod("a", "shop", cpu=asked), pod("b", "kube-system", labels={"app": "dns"})],
        metrics=[usage("a", "shop", "40m", "64Mi"), usage("b", "kube-system", "10m", "16Mi")],
    )


def remembered(sight: Sight, slots: int) -> Held:
    """As the store knows a sight: without the uids of what was counted."""
    whole = held(sight, slots)
    return replace(whole, present=b"", newest=None)


def filled(before: Held, after: Held, most: int = 36) -> list[SampleIn]:
    return list(between(before, after, seconds=SECONDS, most=most))


def test_a_sample_says_what_was_seen() -> None:
    found = sample_of(RUNTIME, SLOT, cluster(), with_use=True)
    assert found.levels["vcpu"] == {"": 2000}
    assert found.components == {"dns": (100, 128)}
    assert found.component_use == {"dns": (10, 16)}
    assert found.gauges.workload_requested_millicores == 100
    assert found.gauges.workload_used_millicores == 40
    assert found.gauges.allocatable_millicores == 1920
    assert found.reported_at == AT


def test_the_store_finds_no_fault_in_what_we_hand_it() -> None:
    batch = [sample_of(RUNTIME, SLOT, cluster()), asleep_sample(RUNTIME, SLOT, AT, 1)]
    columns = columns_of(batch)
    assert not list(faults_of_numbers(columns))
    assert [fault_of(look) for look in columns.looks] == [None, None]


def test_use_that_is_unknown_is_none_and_not_zero() -> None:
    found = sample_of(RUNTIME, SLOT, seen(nodes=[node("n1")]), with_use=True)
    assert set(found.gauges[4:8]) == {None}
    assert found.component_use is None


@pytest.mark.parametrize("control_planes", [0, 1])
def test_a_sleeping_cluster_has_what_its_landscape_bills(control_planes: int) -> None:
    found = asleep_sample(RUNTIME, SLOT, AT, control_planes)
    assert found.levels == ({"control_plane": {"": 1}} if control_planes else {})
    assert found.epoch == 0
    assert set(found.gauges[4:8]) == {None}


@given(gap=st.integers(1, 50), most=st.integers(1, 40))
def test_the_slots_between_are_proved_by_the_same_things_at_both_ends(gap: int, most: int) -> None:
    proved = filled(held(cluster(), 0), held(cluster(), gap), most)
    slots = [each.slot for each in proved]
    assert len(slots) == min(gap - 1, most)
    assert slots == [SLOT + timedelta(seconds=SECONDS * number) for number in range(gap - len(slots), gap)]
    for each in proved:
        assert each.levels == cluster().levels
        assert set(each.gauges[4:8]) == {None}
        assert each.component_use is None


@pytest.mark.parametrize("change", [{"volume": "11Gi"}, {"name": "n2"}])
def test_when_anything_changed_nothing_is_made_up(change: dict[str, str]) -> None:
    assert filled(held(cluster(), 0), held(cluster(**change), 5)) == []


def test_of_what_was_asked_for_the_less_of_both_ends_is_taken() -> None:
    [proved] = filled(held(cluster(asked="300m"), 0), held(cluster(asked="100m"), 2))
    assert proved.gauges.workload_requested_millicores == 100
    [proved] = filled(held(cluster(asked="100m"), 0), held(cluster(asked="300m"), 2))
    assert proved.gauges.workload_requested_millicores == 100


@given(gap=st.integers(1, 30), age=st.integers(-3, 40))
def test_after_a_restart_the_slots_between_are_proved_by_the_age_of_what_stands_there(
    gap: int, age: int
) -> None:
    before = remembered(cluster(), 0)
    after = held(cluster(), gap, SLOT + timedelta(seconds=SECONDS * (gap - age)))
    proved = [each.slot for each in filled(before, after)]
    between = [SLOT + timedelta(seconds=SECONDS * number) for number in range(1, gap)]
    assert proved == (between if age >= gap else [])


def test_after_a_restart_nothing_is_made_up_where_levels_cluster_or_age_are_not_known_to_be_the_same() -> (
    None
):
    before, old = remembered(cluster(), 0), SLOT - timedelta(days=1)
    assert filled(before, held(cluster(), 4, old))
    assert filled(before, held(cluster(volume="11Gi"), 4, old)) == []
    assert filled(before, held(cluster(), 4, None)) == []
    other = held(cluster(), 4, old)
    assert (
        filled(before, replace(other, sample=other.sample._replace(epoch=before.sample.epoch % 100 + 1)))
        == []
    )


def test_what_is_counted_says_when_the_youngest_of_it_was_created() -> None:
    def aged(found: dict[str, Any], moment: str) -> dict[str, Any]:
        return {**found, "metadata": {**found["metadata"], "creationTimestamp": moment}}

    system = aged(space("kube-system"), "2026-01-01T00:00:00Z")
    lists = {"pods": [], "claims": [], "services": [], "namespaces": [system]}
    nodes = [aged(node("n1"), "2026-05-01T08:00:00Z"), aged(node("n2"), "2026-03-01T08:00:00Z")]
    assert read_sight(Answers(nodes=nodes, **lists), at=AT).newest == datetime(2026, 5, 1, 8, tzinfo=UTC)
    assert read_sight(Answers(nodes=[*nodes, node("n3")], **lists), at=AT).newest is None
