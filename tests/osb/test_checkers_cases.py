"""The cases of the openservicebrokerapi project's own checker (osb-checker, for 2.14), asked of every version up to 2.17.

Written from what it checks. It is a generated client, so it sends what such clients do: objects without fields for what they
have not (`"maintenance_info": {}`), empty texts for missing ids, and `operation` as a word of its own. Last run itself against
this broker at its commit e6d47cb: every case passed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpResponse

from controlplane.osb.offer import SERVICE_ID
from tests.osb.asking import BINDING, INSTANCE, WAIT, Platform, binding_path, finish, plan_id, read, stand
from tests.osb.conftest import Cluster

pytestmark = pytest.mark.django_db

ONE = f"/service_instances/{INSTANCE}"
PLAN = "{plan}"  # which the catalog knows
IDS = {"service_id": SERVICE_ID, "plan_id": PLAN}
ORDER = {
    **IDS,
    "organization_guid": "org",
    "space_guid": "space",
    "parameters": {"region": "eu-central-1"},
    "maintenance_info": {},
}
CHANGE = {
    **IDS,
    "parameters": {"autoScalerMax": 6},
    "previous_values": {},
    "maintenance_info": {},
}
BIND = {**IDS, "bind_resource": {}, "parameters": {"role": "view"}}
UNKNOWN = "xxxx-xxxx-xxxx-xxxx"
WRONG = {"parameters": {"can-not": "be-good"}}
# Method, path, body and query of every request that the checker makes, in the order of an instance's life.
REQUESTS: dict[str, tuple[str, str, Any, dict[str, str]]] = {
    "catalog": ("GET", "/catalog", None, {}),
    "provision": ("PUT", ONE, ORDER, WAIT),
    "poll": ("GET", f"{ONE}/last_operation", None, {"operation": "provision"}),
    "fetch": ("GET", ONE, None, {}),
    "update": ("PATCH", ONE, CHANGE, WAIT),
    "bind": ("PUT", binding_path(), BIND, {"accepts_incomplete": "false"}),
    "fetch-binding": ("GET", binding_path(), None, {}),
    "unbind": ("DELETE", binding_path(), None, {**IDS, "accepts_incomplete": "false"}),
    "deprovision": ("DELETE", ONE, None, {**IDS, **WAIT}),
}


@pytest.fixture(params=["2.14", "2.15", "2.16", "2.17"])
def platform(request: pytest.FixtureRequest, cf: Platform, cluster: Cluster) -> Platform:
    assert not cluster.granted
    cf.version = request.param
    return cf


def send(platform: Platform, name: str, *, without: str = "", **changes: Any) -> HttpResponse:
    """Send one of the requests; changes go where its ids stand, `without` is left empty."""
    method, path, body, query = request_of(name)
    changes |= {without: ""} if without else {}
    if body is None:
        return platform.ask(method, path, None, {**query, **changes})
    return platform.ask(method, path, {**body, **changes}, query)


def request_of(name: str) -> tuple[str, str, Any, dict[str, str]]:
    method, path, body, query = REQUESTS[name]
    known = {PLAN: plan_id()}
    body = body and {key: known[PLAN] if one == PLAN else one for key, one in body.items()}
    return method, path, body, {key: known.get(one, one) for key, one in query.items()}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_without_a_version_is_412(platform: Platform, name: str) -> None:
    stand(platform)
    platform.version = None
    assert send(platform, name).status_code == 412


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_without_credentials_is_401(platform: Platform, name: str) -> None:
    method, path, body, query = request_of(name)
    assert platform.ask(method, path, body, query, Authorization="").status_code == 401


@pytest.mark.parametrize("name", ["provision", "update", "deprovision"])
def test_who_can_not_wait_is_422(platform: Platform, name: str) -> None:
    if name != "provision":
        stand(platform)
    method, path, body, query = request_of(name)
    assert platform.ask(method, path, body, {**query, "accepts_incomplete": "false"}).status_code == 422


def refused() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every request with something missing or wrong."""
    needed = {
        "provision": ("service_id", "plan_id", "organization_guid", "space_guid"),
        "update": ("service_id",),
        "bind": ("service_id", "plan_id"),
        "unbind": ("service_id", "plan_id"),
        "deprovision": ("service_id", "plan_id"),
    }
    for name, fields in needed.items():
        yield from ((name, {"without": field}) for field in fields)
        if REQUESTS[name][0] != "DELETE":
            yield from ((name, {field: UNKNOWN}) for field in fields if field.endswith("e_id"))
            yield name, WRONG
    yield "provision", {"plan_id": UNKNOWN}
    yield "bind", {"plan_id": UNKNOWN}


@pytest.mark.parametrize(("name", "changes"), refused())
def test_what_is_missing_or_wrong_is_400(platform: Platform, name: str, changes: dict[str, Any]) -> None:
    if name != "provision":
        stand(platform)
    if name == "unbind":
        platform.bind()
    assert send(platform, name, **changes).status_code == 400


def test_an_instance_lives_as_the_checker_expects(platform: Platform) -> None:
    assert len(read(send(platform, "catalog"))["services"]) == 1
    begun = send(platform, "provision")
    assert begun.status_code == 202
    assert read(send(platform, "poll"))["state"] == "in progress"
    finish(read(begun)["operation"])
    assert read(send(platform, "poll"))["state"] == "succeeded"
    assert send(platform, "provision").status_code == 200
    assert send(platform, "fetch").status_code == 200
    begun = send(platform, "update")
    assert begun.status_code == 202
    finish(read(begun)["operation"])
    assert read(send(platform, "poll", operation="update"))["state"] == "succeeded"
    assert [send(platform, "bind").status_code for _ in range(2)] == [201, 200]
    assert send(platform, "fetch-binding").status_code == 200
    assert send(platform, "unbind").status_code == 200
    begun = send(platform, "deprovision")
    assert begun.status_code == 202
    assert read(send(platform, "poll", operation="deprovision"))["state"] == "in progress"
    finish(read(begun)["operation"])
    assert read(send(platform, "poll", operation="deprovision"))["state"] == "succeeded"


def test_the_binding_of_the_checker_is_the_one_asked_for(platform: Platform) -> None:
    stand(platform)
    send(platform, "bind")
    assert platform.fetch_binding(BINDING).status_code == 200
