"""The OpenAPI document: valid, complete, the same in JSON and YAML."""

from __future__ import annotations

import json
from importlib.resources import files
from io import StringIO
from typing import Any

import jsonschema_rs
import pytest
import yaml
from django.core.management import call_command
from jsonschema import Draft202012Validator

from controlplane.api.etags import etag
from tests.api.asking import Asking, problem, read

pytestmark = pytest.mark.django_db
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # what is written in C takes a tenth of the time


@pytest.fixture
def document() -> Any:
    return read(Asking().get("/schema"))


def test_it_is_valid_and_free_of_warnings() -> None:
    """By the same specification as `spectacular --validate` takes, read by a validator that needs no ten seconds."""
    out = StringIO()
    call_command("spectacular", "--fail-on-warn", "--format", "openapi-json", stdout=out)
    drawn = json.loads(out.getvalue())
    assert drawn["openapi"] == "3.1.0"
    rules = json.loads((files("drf_spectacular.validation") / "openapi_3_1_schema.json").read_text())
    valid = jsonschema_rs.validator_for(rules)
    valid.validate(drawn)
    assert not valid.is_valid({**drawn, "paths": {"/x": {"get": {"responses": {"200": {}}}}}})


def test_json_and_yaml_say_the_same(document: Any) -> None:
    response = Asking().get("/schema?format=yaml")
    assert response["Content-Type"] == "application/yaml"
    assert yaml.load(response.content, Loader=LOADER) == document
    assert problem(Asking().get("/schema?format=xml")) == (400, "invalid_parameter")


def test_every_operation_tells_its_problems_and_its_security(document: Any) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            answers = set(operation["responses"])
            assert {"400", "406", "503"} <= answers, path
            public = operation["security"] == [{}]
            assert public or (operation["security"] == [{"token": []}] and "401" in answers), path
            assert "{" not in path or "404" in answers, path
            assert "requestBody" not in operation or {"413", "415", "422"} <= answers, path
            assert method == "get" or "403" in answers, path


def test_writes_take_an_idempotency_key_and_changes_an_if_match(document: Any) -> None:
    def headers(path: str, method: str) -> set[str]:
        parameters = document["paths"][path][method]["parameters"]
        return {one["name"] for one in parameters if one["in"] == "header"}

    assert headers("/api/v1/runtimes", "post") == {"Idempotency-Key"}
    assert headers("/api/v1/runtimes/{runtime}", "patch") == {"Idempotency-Key", "If-Match"}
    assert headers("/api/v1/runtimes/{runtime}", "delete") == {"Idempotency-Key", "If-Match"}


def test_examples_fit_their_schemas(document: Any) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if body:
                name = body["schema"]["$ref"].rpartition("/")[2]
                schema = {**document["components"]["schemas"][name], "components": document["components"]}
                Draft202012Validator(schema).validate(body["example"])
                assert json.dumps(body["example"]), path


def test_examples_of_parameters_fit_their_schemas_and_tags_are_as_we_send_them(document: Any) -> None:
    found = {
        one["name"]: one
        for methods in document["paths"].values()
        for operation in methods.values()
        for one in operation.get("parameters", ())
        if "example" in one
    }
    for one in found.values():
        Draft202012Validator(one["schema"]).validate(one["example"])
    Draft202012Validator(found["If-Match"]["schema"]).validate(etag(12))


def test_every_operation_has_a_name_of_its_own(document: Any) -> None:
    names = [
        operation["operationId"] for methods in document["paths"].values() for operation in methods.values()
    ]
    assert len(names) == len(set(names)) > 20
