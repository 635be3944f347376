"""Every plan's schema is valid 2020-12, closed, and says what a form needs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from controlplane.catalog.plans import PlanFacts
from controlplane.catalog.schema import IMMUTABLE, plan_schema
from tests.reviewed import reviewed_catalog

CATALOG = reviewed_catalog()
PLANS = [CATALOG.plan_facts(key) for key in CATALOG.rows["plan"]]
each_plan = pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.key)
API_WORDS = re.compile(
    r"/api/|\b(?:GET|POST|PATCH|JSON|null|arrays?|clients?|empty list|left out|requests?|updates?)\b", re.I
)
both = pytest.mark.parametrize("for_update", [False, True])


def every_schema(schema: Any) -> Iterator[dict[str, Any]]:
    """Every subschema, however deep."""
    if isinstance(schema, list):
        for entry in schema:
            yield from every_schema(entry)
    if isinstance(schema, dict):
        if "type" in schema and isinstance(schema["type"], str):
            yield schema
        for key, entry in schema.items():
            if not key.startswith("x-") and key not in ("default", "enum"):
                yield from every_schema(entry)


@each_plan
@both
def test_it_is_valid_against_the_metaschema(plan: PlanFacts, for_update: bool) -> None:
    schema = plan_schema(plan, for_update=for_update)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


@each_plan
@both
def test_every_object_is_closed(plan: PlanFacts, for_update: bool) -> None:
    for schema in every_schema(plan_schema(plan, for_update=for_update)):
        if schema["type"] == "object" and "oneOf" not in schema:
            assert "additionalProperties" in schema, schema.get("title")
            assert schema["additionalProperties"] is not True


@each_plan
@both
def test_every_default_fits_its_own_schema(plan: PlanFacts, for_update: bool) -> None:
    defaults = 0
    for schema in every_schema(plan_schema(plan, for_update=for_update)):
        if "default" in schema:
            defaults += 1
            Draft202012Validator(schema).validate(schema["default"])
    assert defaults > 3


@each_plan
def test_every_parameter_has_a_title_a_description_and_a_place_in_a_known_group(plan: PlanFacts) -> None:
    schema = plan_schema(plan)
    groups = {group["key"] for group in schema["x-groups"]}
    orders = []
    for name, entry in schema["properties"].items():
        assert entry["title"], name
        assert entry["description"], name
        assert entry["x-group"] in groups
        orders.append(entry["x-order"])
    assert orders == sorted(set(orders))


@each_plan
def test_help_is_written_for_people_who_fill_in_a_form(plan: PlanFacts) -> None:
    for schema in every_schema(plan_schema(plan)):
        assert not API_WORDS.findall(schema.get("description", "")), schema["description"]


@each_plan
def test_an_update_leaves_out_what_is_immutable_and_requires_nothing(plan: PlanFacts) -> None:
    create, update = plan_schema(plan), plan_schema(plan, for_update=True)
    assert set(create["properties"]) - set(update["properties"]) == set(create["properties"]) & set(IMMUTABLE)
    assert update["required"] == []
    assert create["required"] == ["region"]
    assert create["properties"]["region"]["x-immutable"] is True


@pytest.mark.parametrize("key", ["trial", "free"])
def test_trial_and_free_fix_their_size_and_offer_few_regions(key: str) -> None:
    plan = CATALOG.plan_facts(key)
    names = set(plan_schema(plan)["properties"])
    assert not names & {
        "machineType",
        "autoScalerMin",
        "autoScalerMax",
        "additionalWorkerNodePools",
        "networking",
    }
    assert (plan.nodes.minimum, plan.nodes.maximum, plan.zones_per_pool) == (1, 1, 1)
    assert len(plan.machine_types) == 1
    assert 1 < len(plan.regions) < 6


@pytest.mark.parametrize("key", ["aws", "azure", "gcp"])
def test_gpu_machines_are_offered_in_additional_pools_only(key: str) -> None:
    plan = CATALOG.plan_facts(key)
    properties = plan_schema(plan)["properties"]
    gpus = {machine.name for machine in plan.pool_machine_types if machine.gpus}
    assert len(gpus) >= 3
    assert not gpus & set(properties["machineType"]["enum"])
    pool = properties["additionalWorkerNodePools"]["items"]["properties"]["machineType"]
    assert gpus <= set(pool["enum"])
    assert all(pool["x-machines"][name]["gpus"] > 0 for name in gpus)


def test_a_plan_offers_exactly_the_parameters_that_its_file_names() -> None:
    for plan in PLANS:
        assert set(plan_schema(plan)["properties"]) == {"region", *plan.parameters}
