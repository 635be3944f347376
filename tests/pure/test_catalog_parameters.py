"""Right parameters are filled in, survive storage, and can be changed where they may."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from ipaddress import IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.catalog.capacity import Capacity, capacity
from controlplane.catalog.parameters import MAIN_POOL, fill
from controlplane.catalog.plans import PlanFacts
from controlplane.catalog.validation import check_parameters, check_update
from controlplane.kernel.errors import FieldError, Refused
from tests.reviewed import reviewed_catalog

CATALOG = reviewed_catalog()
PLANS = {key: CATALOG.plan_facts(key) for key in CATALOG.rows["plan"]}
AWS = PLANS["aws"]


words = st.text("abcdefghij", min_size=1, max_size=8)


def code_of_update(old: dict[str, Any], new: dict[str, Any], plan: PlanFacts = AWS) -> str:
    """The code with which a change is refused."""
    with pytest.raises(Refused) as refusal:
        check_update(plan, old, new)
    return refusal.value.code


@st.composite
def orderable(draw: st.DrawFn) -> tuple[PlanFacts, dict[str, Any]]:
    """A plan and parameters that it must accept."""
    plan = PLANS[draw(st.sampled_from(sorted(PLANS)))]
    region = draw(st.sampled_from(plan.regions))
    given: dict[str, Any] = {"region": region.name}
    if plan.takes("machineType"):
        fitting = [m.name for m in plan.machine_types if len(m.zones_in(region)) >= plan.zones_per_pool]
        low = draw(st.integers(plan.zones_per_pool, plan.nodes.ceiling))
        given["machineType"] = draw(st.sampled_from(fitting))
        given["autoScalerMin"], given["autoScalerMax"] = low, draw(st.integers(low, plan.nodes.ceiling))
        given["additionalWorkerNodePools"] = draw(
            st.lists(pool(plan, region.name), max_size=4, unique_by=lambda p: p["name"])
        )
    if draw(st.booleans()):
        keys = st.sampled_from([module.key for module in plan.modules])
        names = draw(st.lists(keys, unique=True))
        given["modules"] = {"list": [{"name": name} for name in names]}
    if draw(st.booleans()):
        given["administrators"] = draw(st.lists(words, unique=True, max_size=3))
    return plan, given


@st.composite
def pool(draw: st.DrawFn, plan: PlanFacts, region: str) -> dict[str, Any]:
    """An additional pool that fits."""
    place = plan.region(region)
    assert place is not None
    machine = draw(st.sampled_from([m for m in plan.pool_machine_types if m.zones_in(place)]))
    high = len(machine.zones_in(place)) >= plan.zones_per_pool and draw(st.booleans())
    low = draw(st.integers(plan.zones_per_pool if high else 0, 50))
    return {
        "name": draw(words.filter(lambda word: word not in ("main", "system"))),
        "machineType": machine.name,
        "haZones": high,
        "autoScalerMin": low,
        "autoScalerMax": draw(st.integers(max(low, 1), 100)),
        "labels": draw(st.dictionaries(words, words, max_size=2)),
    }


@given(orderable())
def test_what_fits_is_accepted_filled_in_and_survives_storage(
    order: tuple[PlanFacts, dict[str, Any]],
) -> None:
    plan, given_ = order
    checked = check_parameters(plan, given_)
    stored = json.loads(json.dumps(checked.as_json()))
    assert fill(plan, stored) == checked
    assert check_update(plan, stored, {}) == checked
    assert check_update(plan, stored, stored) == checked
    for name, value in given_.items():
        if name not in ("additionalWorkerNodePools", "modules"):
            assert stored[name] == value
    for worker in checked.pools:
        assert len(worker.zones) == (plan.zones_per_pool if worker.ha_zones else 1)
        assert worker.autoscaler_min <= worker.autoscaler_max


@given(orderable())
def test_capacity_bounds_are_in_order_and_count_every_pool(order: tuple[PlanFacts, dict[str, Any]]) -> None:
    plan, given_ = order
    checked = check_parameters(plan, given_)
    found = capacity(checked, plan)
    assert found.nodes_min == sum(worker.autoscaler_min for worker in checked.pools)
    assert found.nodes_max == sum(worker.autoscaler_max for worker in checked.pools)
    assert found.nodes_min <= found.nodes_max
    assert found.vcpu_min <= found.vcpu_max
    assert found.memory_gib_min <= found.memory_gib_max


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from([*AWS.parameters, "region", "zones", "nodes"])


@given(st.dictionaries(names, json_values, max_size=4))
def test_anything_at_all_is_either_accepted_or_refused_with_a_field_and_a_code(
    given_: dict[str, Any],
) -> None:
    errors: tuple[FieldError, ...] = ()
    try:
        check_parameters(AWS, {"region": "eu-central-1"} | given_)
    except Refused as refusal:
        errors = refusal.errors
        assert refusal.status == 422  # noqa: PT017 - both ways out are right; this is about the one
    for error in errors:
        assert error.field.startswith("parameters")
        assert error.code
        assert error.detail.endswith((".", "?"))


@given(st.integers(0, 2**32 - 1), st.integers(0, 32))
def test_no_accepted_network_overlaps_another(address: int, prefix: int) -> None:
    nodes = IPv4Network((address & ~((1 << (32 - prefix)) - 1), prefix))
    try:
        checked = check_parameters(AWS, {"region": "eu-central-1", "networking": {"nodes": str(nodes)}})
    except Refused:
        return
    for other in (checked.networking.pods, checked.networking.services):
        assert not nodes.overlaps(IPv4Network(other))
    for reserved in AWS.networking.reserved:
        assert not nodes.overlaps(IPv4Network(reserved.cidr))
    assert nodes.is_private or nodes.subnet_of(IPv4Network("100.64.0.0/10"))


def test_only_the_region_is_needed() -> None:
    checked = check_parameters(AWS, {"region": "eu-central-1"})
    main = checked.main_pool
    assert (main.name, main.machine_type, main.ha_zones) == (MAIN_POOL, "m6i.large", True)
    assert (main.autoscaler_min, main.autoscaler_max) == (3, 20)
    assert main.zones == ("eu-central-1a", "eu-central-1b", "eu-central-1c")
    assert checked.channel == "regular"
    assert [choice.name for choice in checked.modules] == list(AWS.default_modules)
    assert checked.networking.pods == "10.96.0.0/13"


def test_a_trial_has_one_node_in_one_zone_and_the_seed_spreads_trials_over_zones() -> None:
    trial = PLANS["trial"]
    found = {
        check_parameters(trial, {"region": "eu-central-1"}, seed=f"runtime-{n}").main_pool.zones
        for n in range(50)
    }
    assert found == {("eu-central-1a",), ("eu-central-1b",), ("eu-central-1c",)}
    one = check_parameters(trial, {"region": "eu-central-1"})
    assert capacity(one, trial) == Capacity(1, 1, 2, 2, Decimal(8), Decimal(8), 0)


def test_capacity_counts_the_gpus_of_additional_pools() -> None:
    gpu = {
        "name": "gpu",
        "machineType": "p4d.24xlarge",
        "haZones": False,
        "autoScalerMin": 0,
        "autoScalerMax": 2,
    }
    checked = check_parameters(AWS, {"region": "us-west-2", "additionalWorkerNodePools": [gpu]})
    assert capacity(checked, AWS) == Capacity(3, 22, 6, 232, Decimal(24), Decimal(160 + 2304), 16)


def test_a_window_may_pass_midnight() -> None:
    window = {"begin": "22:00", "end": "02:00", "days": ["Sat"], "timezone": "Europe/Berlin"}
    checked = check_parameters(AWS, {"region": "eu-central-1", "maintenanceWindow": window})
    assert checked.as_json()["maintenanceWindow"] == window


def test_a_window_is_taken_back_with_null_by_a_change_only() -> None:
    window = {"begin": "22:00", "end": "02:00"}
    stored = check_parameters(AWS, {"region": "eu-central-1", "maintenanceWindow": window}).as_json()
    assert check_update(AWS, stored, {"maintenanceWindow": None}).maintenance_window is None
    assert (
        check_update(AWS, {"region": "eu-central-1"}, {"maintenanceWindow": None}).maintenance_window is None
    )
    assert check_update(AWS, stored, {"autoScalerMax": 9}).maintenance_window is not None
    with pytest.raises(Refused, match="must be an object, not null"):
        check_parameters(AWS, {"region": "eu-central-1", "maintenanceWindow": None})
    with pytest.raises(Refused, match='must be an object or null, not "never"'):
        check_update(AWS, stored, {"maintenanceWindow": "never"})


def test_one_issuer_alone_is_a_list_of_one() -> None:
    issuer = {"issuerURL": "https://login.example.com", "clientID": "nesoi"}
    alone = check_parameters(AWS, {"region": "eu-central-1", "oidc": issuer})
    listed = check_parameters(AWS, {"region": "eu-central-1", "oidc": {"list": [issuer]}})
    assert alone == listed
    assert alone.oidc[0].groups_claim == "groups"


def test_a_change_replaces_what_it_names_and_keeps_the_rest() -> None:
    old = check_parameters(
        AWS, {"region": "eu-central-1", "autoScalerMax": 9, "administrators": ["a@example.com"]}
    )
    new = check_update(AWS, old.as_json(), {"autoScalerMin": 5, "administrators": []})
    assert (new.main_pool.autoscaler_min, new.main_pool.autoscaler_max) == (5, 9)
    assert new.administrators == ()
    assert new.networking == old.networking


def test_a_change_is_checked_together_with_what_stays() -> None:
    assert code_of_update({"region": "eu-central-1", "autoScalerMax": 9}, {"autoScalerMin": 10}) == (
        "minimum_above_maximum"
    )


def test_region_and_networks_may_be_repeated_but_not_changed() -> None:
    old = {"region": "eu-central-1"}
    repeated = {"region": "eu-central-1", "networking": {"nodes": "10.250.0.0/16"}}
    assert check_update(AWS, old, repeated) == check_parameters(AWS, old)
    assert code_of_update(old, {"region": "us-east-1"}) == "immutable_field"
    assert code_of_update(old, {"networking": {"nodes": "10.251.0.0/16"}}) == "immutable_field"
    assert code_of_update(old, {"networking": {"node": "10.250.0.0/16"}}) == "immutable_field"


def test_the_list_of_pools_is_replaced_whole() -> None:
    pools = [{"name": "one", "machineType": "m6i.large"}, {"name": "two", "machineType": "m6i.large"}]
    old = check_parameters(AWS, {"region": "eu-central-1", "additionalWorkerNodePools": pools}).as_json()
    after = check_update(AWS, old, {"additionalWorkerNodePools": pools[1:]})
    assert [pool.name for pool in after.pools] == [MAIN_POOL, "two"]
    assert check_update(AWS, old, {"additionalWorkerNodePools": []}).additional_pools == ()


def test_the_high_availability_of_a_pool_stays_but_a_new_pool_chooses() -> None:
    old = {
        "region": "eu-central-1",
        "additionalWorkerNodePools": [{"name": "one", "machineType": "m6i.large"}],
    }
    single = {"machineType": "m6i.large", "haZones": False, "autoScalerMin": 1}
    assert code_of_update(old, {"additionalWorkerNodePools": [{"name": "one"} | single]}) == "immutable_field"
    new = check_update(AWS, old, {"additionalWorkerNodePools": [{"name": "new"} | single]})
    assert not new.additional_pools[0].ha_zones


def test_a_pool_keeps_its_zones_and_refuses_a_machine_type_that_lacks_one() -> None:
    pool = {"name": "one", "machineType": "m6i.large", "haZones": False, "autoScalerMin": 1}
    stored = check_parameters(AWS, {"region": "eu-central-1", "additionalWorkerNodePools": [pool]}).as_json()
    stored["zones"]["one"] = ["eu-central-1c"]
    bigger = check_update(AWS, stored, {"additionalWorkerNodePools": [pool | {"machineType": "m6i.xlarge"}]})
    assert bigger.additional_pools[0].zones == ("eu-central-1c",)
    with_gpu = {"additionalWorkerNodePools": [pool | {"machineType": "g6.xlarge"}]}
    assert code_of_update(stored, with_gpu) == "machine_type_not_in_zones"


def test_a_catalog_that_moved_on_does_not_block_an_unrelated_change() -> None:
    gpu = {"name": "gpu", "machineType": "g6.xlarge", "haZones": False, "autoScalerMin": 1}
    old = check_parameters(AWS, {"region": "eu-central-1", "additionalWorkerNodePools": [gpu]}).as_json()
    moved = tuple(
        replace(machine, zones={"us-east-1": ("us-east-1a",)}) if machine.name == "g6.xlarge" else machine
        for machine in AWS.additional_machine_types
    )
    later = replace(AWS, additional_machine_types=moved)
    assert check_update(later, old, {"autoScalerMax": 21}).main_pool.autoscaler_max == 21
    more = {"additionalWorkerNodePools": [gpu, gpu | {"name": "more"}]}
    assert code_of_update(old, more, later) == "machine_type_not_in_region"


def test_a_change_may_not_name_zones_or_unknown_fields() -> None:
    old = {"region": "eu-central-1"}
    assert code_of_update(old, {"zones": {"main": ["eu-central-1a"]}}) == "unknown_field"
    assert code_of_update(old, {"autoscalerMax": 5}) == "unknown_field"
    assert code_of_update(old, {"autoScalerMax": "5"}) == "wrong_type"
