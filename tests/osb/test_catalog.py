"""Rows 11 to 16: what is offered."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from controlplane.catalog.facts import list_plan_facts
from controlplane.catalog.models import Plan
from controlplane.osb.offer import SERVICE_ID
from tests.osb.asking import Platform, error, plan_id, read

pytestmark = pytest.mark.django_db
SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")


def service(cf: Platform) -> dict[str, Any]:
    (only,) = read(cf.get("/catalog"))["services"]
    found: dict[str, Any] = only
    return found


def schemas(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan["schemas"]["service_instance"]["create"]["parameters"]
    yield plan["schemas"]["service_instance"]["update"]["parameters"]
    yield plan["schemas"]["service_binding"]["create"]["parameters"]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for entry in value.values():
            yield from references(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from references(entry)


def test_row_11_names_and_ids_are_unique_and_never_change(cf: Platform) -> None:
    found = service(cf)
    plans = found["plans"]
    ids = [found["id"], *(plan["id"] for plan in plans)]
    assert len(set(ids)) == len(ids)
    assert all(ids)
    assert len({plan["name"] for plan in plans}) == len(plans)
    assert found["id"] == SERVICE_ID == "5f0c5bd6-8d3b-4a55-9a9e-7f3f2c1f6f0e"
    # The ids that platforms have stored: a changed one here breaks every one of them.
    assert {plan["name"]: plan["id"] for plan in plans} == {
        "free": "9c07ac4d-9b4e-47c2-bd7b-867e5ef61e65",
        "aws": "61053487-cd7c-483c-a07b-308d2822f7a5",
        "azure": "d2bf09e9-eca4-421d-abb5-c69e7f04a610",
        "gcp": "250f6dbd-aacd-4995-883f-22f90117d747",
        "openstack": "3dcc4c2a-5910-4267-9cc0-63b9909034c6",
    }


def test_row_11_a_renamed_plan_keeps_its_id(cf: Platform) -> None:
    before = plan_id("aws")
    row = Plan.objects.get(key="aws")
    row.definition["name"] = row.name = "Renamed"
    row.save()
    (plan,) = (plan for plan in service(cf)["plans"] if plan["name"] == "aws")
    assert plan["id"] == before


def test_row_12_bindable_is_said_and_there_are_plans(cf: Platform) -> None:
    found = service(cf)
    assert found["bindable"] is True
    assert {plan["name"] for plan in found["plans"]} == {facts.key for facts in list_plan_facts()} - {"trial"}
    assert all(plan["description"] and isinstance(plan["free"], bool) for plan in found["plans"])


def test_row_13_schemas_name_their_dialect_stand_alone_and_are_small(cf: Platform) -> None:
    for plan in service(cf)["plans"]:
        for schema in schemas(plan):
            assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
            Draft202012Validator.check_schema(schema)
            assert all(reference.startswith("#") for reference in references(schema))
            assert len(json.dumps(schema).encode()) <= 64_000


def test_row_13_one_schema_validates_every_face(cf: Platform) -> None:
    from controlplane.catalog.facts import load_plan_facts
    from controlplane.catalog.schema import plan_schema

    for plan in service(cf)["plans"]:
        create, update, _ = schemas(plan)
        facts = load_plan_facts(plan["name"])
        assert create == json.loads(json.dumps(plan_schema(facts)))
        assert update == json.loads(json.dumps(plan_schema(facts, for_update=True)))


def test_row_14_the_maintenance_version_is_a_semantic_version(cf: Platform) -> None:
    for plan in service(cf)["plans"]:
        assert SEMVER.fullmatch(plan["maintenance_info"]["version"])


def test_row_15_what_is_supported_is_declared(cf: Platform) -> None:
    found = service(cf)
    declared = (
        "instances_retrievable",
        "bindings_retrievable",
        "binding_rotatable",
        "plan_updateable",
        "allow_context_updates",
    )
    assert {found[name] for name in declared} == {True}
    assert all(plan["maximum_polling_duration"] >= 3600 for plan in found["plans"])


def test_row_15_an_older_platform_gets_only_fields_that_it_knows(cf: Platform) -> None:
    seen = {}
    for minor in (13, 14, 15, 16, 17):
        cf.version = f"2.{minor}"
        found = service(cf)
        seen[minor] = set(found) | {f"plans.{name}" for name in found["plans"][0]}
    assert seen[14] - seen[13] == {"instances_retrievable", "bindings_retrievable"}
    assert seen[15] - seen[14] == {
        "allow_context_updates",
        "plans.maintenance_info",
        "plans.maximum_polling_duration",
        "plans.plan_updateable",
    }
    assert seen[17] - seen[16] == {"binding_rotatable", "plans.binding_rotatable"}


def test_row_16_an_unchanged_catalog_is_304(cf: Platform) -> None:
    first = cf.get("/catalog")
    again = cf.get("/catalog", If_None_Match=first["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    cf.version = "2.13"
    assert cf.get("/catalog", If_None_Match=first["ETag"]).status_code == 200


def test_at_a_regions_address_the_catalog_has_the_plans_that_are_there_and_fixes_the_region(
    cf: Platform,
) -> None:
    cf.root = "/osb/us-west-2/v2"
    found = service(cf)
    assert [plan["name"] for plan in found["plans"]] == ["free", "aws"]
    create = next(schemas(found["plans"][1]))
    assert create["properties"]["region"]["enum"] == ["us-west-2"]
    assert "region" not in create["required"]


def test_an_address_of_no_region_is_400(cf: Platform) -> None:
    cf.root = "/osb/atlantis-1/v2"
    assert error(cf.get("/catalog")) == (400, "MalformedRequest")


def test_a_retired_plan_is_not_offered_and_can_not_be_ordered(cf: Platform) -> None:
    from controlplane.catalog import facts

    retired = plan_id("gcp")
    row = Plan.objects.get(key="gcp")
    row.definition["state"] = row.state = "retired"
    row.save()
    facts._kept = None
    try:
        assert "gcp" not in {plan["name"] for plan in service(cf)["plans"]}
        assert cf.provision(plan_id=retired, parameters={"region": "europe-west3"}).status_code == 400
    finally:
        facts._kept = None
