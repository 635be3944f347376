"""What every meter must keep, whichever it is."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import billing.meters
from billing.meters.base import HOUR_SECONDS, Meter, Node, Reading
from billing.meters.registry import measure, meters, unbilled
from tests.contracts.readings import AT, nodes, readings

FILES = {path.stem for path in Path(billing.meters.__file__).parent.glob("*.py")}
EVERY = sorted(meters().items())
BASES = {"millicores": 1000, "MiB": 1024, "GiB": 1, "count": 1, "bytes": 2**30}
SEEN_BY_LISTS = ("nodes", "claims", "snapshots", "balancers")
UNIT = re.compile(r"[A-Z][A-Za-z]*(-Hours)?")

each_meter = pytest.mark.parametrize(("key", "meter"), EVERY, ids=[key for key, _ in EVERY])


def test_every_meter_is_a_file_named_like_its_key() -> None:
    assert set(meters()) == FILES - {"__init__", "base", "registry"}
    assert all(re.fullmatch(r"[a-z_]{2,32}", key) for key in meters())


def test_all_that_the_price_books_speak_of_is_measured() -> None:
    assert set(meters()) == {
        "vcpu", "memory", "gpu", "node", "block_storage", "snapshots", "object_storage", "nfs",
        "load_balancer", "public_address", "egress", "control_plane", "module",
    } | unbilled()  # fmt: skip


@each_meter
def test_units_fit_what_a_level_counts_in(key: str, meter: Meter) -> None:
    assert meter.base in BASES
    seconds = 1 if meter.counter else HOUR_SECONDS
    assert meter.per_unit == BASES[meter.base] * seconds
    assert UNIT.fullmatch(meter.unit)
    assert meter.unit.endswith("-Hours") is not meter.counter
    assert meter.title[0].isupper()
    assert not meter.title.endswith(".")


def test_no_two_meters_share_a_title() -> None:
    assert max(Counter(meter.title for _, meter in EVERY).values()) == 1


@each_meter
@given(reading=readings)
@settings(max_examples=30, deadline=None)
def test_levels_are_whole_and_never_negative(key: str, meter: Meter, reading: Reading) -> None:
    for dimension, level in meter.levels(reading).items():
        assert isinstance(dimension, str)
        assert type(level) is int
        assert level >= 0
        assert meter.dimension or dimension == ""


@each_meter
@given(first=readings, second=readings)
@settings(max_examples=30, deadline=None)
def test_two_halves_of_a_runtime_measure_what_the_whole_does(
    key: str, meter: Meter, first: Reading, second: Reading
) -> None:
    summed_lists: dict[str, Any] = {
        name: getattr(first, name) + getattr(second, name) for name in SEEN_BY_LISTS
    }
    whole = replace(first, **summed_lists)
    rest = replace(second, control_planes=0, modules=(), object_gib=0, nfs_gib=0, egress_bytes=0)
    summed = Counter(meter.levels(first))
    summed.update(meter.levels(rest))
    assert +summed == +Counter(meter.levels(whole))


@each_meter
@given(reading=readings, data=st.data())
@settings(max_examples=30, deadline=None)
def test_the_order_of_a_list_does_not_matter(
    key: str, meter: Meter, reading: Reading, data: st.DataObject
) -> None:
    shuffled: dict[str, Any] = {
        name: tuple(data.draw(st.permutations(getattr(reading, name)))) for name in SEEN_BY_LISTS
    }
    assert +Counter(meter.levels(replace(reading, **shuffled))) == +Counter(meter.levels(reading))


@each_meter
def test_every_meter_can_show_something(key: str, meter: Meter) -> None:
    assert sum(meter.levels(_full()).values()) > 0


def test_each_thing_of_a_runtime_moves_its_own_meters_only() -> None:
    empty = Reading(at=AT, control_planes=0)
    assert measure(empty) == {}
    alone = {
        "claims": {"block_storage"},
        "snapshots": {"snapshots"},
        "object_gib": {"object_storage"},
        "nfs_gib": {"nfs"},
        "egress_bytes": {"egress"},
        "modules": {"module"},
        "control_planes": {"control_plane"},
        "balancers": {"load_balancer", "public_address"},
        "nodes": {"vcpu", "memory", "node", "gpu", "public_address", "platform_vcpu", "platform_memory"},
    }
    for name, moved in alone.items():
        assert set(measure(replace(empty, **{name: getattr(_full(), name)}))) == moved, name


@given(reading=readings, more=nodes, data=st.data())
@settings(max_examples=50, deadline=None)
def test_equal_sights_give_equal_bytes_without_zeros(
    reading: Reading, more: Node, data: st.DataObject
) -> None:
    reading = replace(reading, nodes=(*reading.nodes, more))
    turned = replace(reading, nodes=tuple(data.draw(st.permutations(reading.nodes))))
    found = measure(reading)
    assert orjson.dumps(found) == orjson.dumps(measure(turned))
    assert all(level for levels in found.values() for level in levels.values())
    assert all(levels for levels in found.values())


def _full() -> Reading:
    from billing.meters.base import Balancer, Claim

    return Reading(
        at=AT,
        nodes=(
            Node("n", "main", "g6.xlarge", "a", 4000, 16000, 3900, 15000, 1, "L4", public_addresses=1),
            Node("s", "system", "m6i.large", "a", 2000, 8000, 1900, 7000, platform=True),
        ),
        claims=(Claim("shop", "data", "gp3", 20),),
        snapshots=(Claim("shop", "before", "gp3", 20),),
        balancers=(Balancer("shop", "front", 1),),
        modules=("istio",),
        object_gib=1,
        nfs_gib=1,
        egress_bytes=1,
    )
