"""A platform that asks the broker; every answer is held against what holds for all of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.test import Client

from controlplane.catalog.facts import load_plan_facts
from controlplane.osb.credentials import issue_credential
from controlplane.osb.models import OsbInstance
from controlplane.osb.offer import SERVICE_ID
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.models import Tenant
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime

INSTANCE, BINDING = "1c8a9f52-0d9f-4a46-8a15-0c6c8c1b1111", "7f0f3c3e-2222-4a46-8a15-0c6c8c1b2222"
ORGANIZATION, SPACE = "org-guid-1", "space-guid-1"
WAIT = {"accepts_incomplete": "true"}


def plan_id(key: str = "aws") -> str:
    return load_plan_facts(key).broker_id


def wish(**changes: Any) -> dict[str, Any]:
    """A complete provision request; None leaves a field out."""
    made = {
        "service_id": SERVICE_ID,
        "plan_id": plan_id(),
        "organization_guid": ORGANIZATION,
        "space_guid": SPACE,
        "context": {
            "platform": "cloudfoundry",
            "organization_guid": ORGANIZATION,
            "organization_name": "Acme Ltd",
            "space_guid": SPACE,
            "instance_name": "My Shop",
        },
        "parameters": {"region": "eu-central-1"},
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


def binding_wish(**changes: Any) -> dict[str, Any]:
    made = {"service_id": SERVICE_ID, "plan_id": plan_id(), **changes}
    return {name: value for name, value in made.items() if value is not None}


class Platform:
    """One platform with its credential; paths are those below /osb/v2."""

    def __init__(self, tenant: Tenant | None, *, name: str = "cf", version: str | None = "2.17") -> None:
        self.row, self.secret = issue_credential(actor=SYSTEM, tenant=tenant, name=name)
        self.version = version
        self.root = "/osb/v2"
        self.headers: dict[str, str] = {}

    @property
    def basic(self) -> str:
        return basic(self.row.username, self.secret)

    def ask(
        self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None, **headers: str
    ) -> HttpResponse:
        """Send a request; header names are written with underscores, None-like texts leave one out."""
        sent = {"Authorization": self.basic, **self.headers}
        if self.version:
            sent["X-Broker-API-Version"] = self.version
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        target = self.root + path + (f"?{urlencode(query)}" if query else "")
        response = cast(
            "HttpResponse",
            Client().generic(method, target, raw, content_type="application/json", headers=sent),
        )
        conforms(response)
        return response

    def get(self, path: str, query: Mapping[str, str] | None = None, **headers: str) -> HttpResponse:
        return self.ask("GET", path, None, query, **headers)

    def provision(self, instance: str = INSTANCE, *, query: Any = None, **changes: Any) -> HttpResponse:
        return self.ask(
            "PUT", f"/service_instances/{instance}", wish(**changes), WAIT if query is None else query
        )

    def update(self, instance: str = INSTANCE, *, query: Any = None, **fields: Any) -> HttpResponse:
        body = {"service_id": SERVICE_ID, **fields}
        return self.ask("PATCH", f"/service_instances/{instance}", body, WAIT if query is None else query)

    def deprovision(self, instance: str = INSTANCE, **query: str) -> HttpResponse:
        asked = {"service_id": SERVICE_ID, "plan_id": plan_id(), **WAIT, **query}
        return self.ask(
            "DELETE", f"/service_instances/{instance}", None, {k: v for k, v in asked.items() if v}
        )

    def fetch(self, instance: str = INSTANCE) -> HttpResponse:
        return self.get(f"/service_instances/{instance}")

    def last(self, instance: str = INSTANCE, **query: str) -> HttpResponse:
        return self.get(f"/service_instances/{instance}/last_operation", query)

    def bind(self, binding: str = BINDING, *, instance: str = INSTANCE, **changes: Any) -> HttpResponse:
        return self.ask("PUT", binding_path(binding, instance), binding_wish(**changes))

    def fetch_binding(self, binding: str = BINDING) -> HttpResponse:
        return self.get(binding_path(binding))

    def unbind(self, binding: str = BINDING, *, instance: str = INSTANCE, **query: str) -> HttpResponse:
        asked = {"service_id": SERVICE_ID, "plan_id": plan_id(), **query}
        return self.ask(
            "DELETE", binding_path(binding, instance), None, {k: v for k, v in asked.items() if v}
        )


def binding_path(binding: str = BINDING, instance: str = INSTANCE) -> str:
    return f"/service_instances/{instance}/service_bindings/{binding}"


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def read(response: HttpResponse) -> dict[str, Any]:
    """The body's JSON."""
    body: dict[str, Any] = json.loads(response.content)
    return body


def error(response: HttpResponse) -> tuple[int, str]:
    """Status and error word."""
    return response.status_code, read(response)["error"]


def conforms(response: HttpResponse) -> None:
    """Rows 7, 8, 10 and 23 hold for every answer."""
    if response.status_code == 304:
        return
    assert response["Content-Type"] == "application/json"
    body = read(response)
    assert isinstance(body, dict)
    for name in ("error", "description"):
        assert body.get(name, "x"), f"{name} is empty"
    assert len(body.get("operation", "")) <= 10_000
    if response.status_code >= 400 and response.status_code != 410:
        assert set(body) == {"error", "description"}, body
        assert response.status_code != 500, body


def row_of(instance: str = INSTANCE) -> OsbInstance:
    found: OsbInstance = (
        OsbInstance.objects.filter(instance_id=instance).select_related("runtime").latest("id")
    )
    return found


def finish(operation: str | UUID, state: str = "succeeded", **fields: Any) -> None:
    """As if a worker had brought the operation to this end."""
    row = Operation.objects.get(pk=operation)
    Operation.objects.filter(pk=row.pk).update(
        state=state, slot=None, finished_at=row.created_at, progress=100, **fields
    )
    after: dict[str, Any]
    if state != "succeeded":
        after = {"phase": "failed"}
    elif row.kind == "deprovision":
        after = {"phase": "deprovisioned", "deleted_at": row.created_at}
    else:
        after = {
            "phase": "ready",
            "observed_generation": row.generation,
            "status": {"api_endpoint": "https://api.shop.example.org"},
        }
    Runtime.objects.filter(pk=row.runtime_id).update(**after)


def settle(operation: str | UUID) -> None:
    """As if a worker had come to where people can use the runtime, and went on in the background."""
    row = Operation.objects.get(pk=operation)
    Operation.objects.filter(pk=row.pk).update(state="running", background=True)
    Runtime.objects.filter(pk=row.runtime_id).update(phase="ready", observed_generation=row.generation)


def stand(platform: Platform, instance: str = INSTANCE, **changes: Any) -> OsbInstance:
    """Provision an instance and finish it."""
    response = platform.provision(instance, **changes)
    assert response.status_code == 202, response.content
    finish(read(response)["operation"])
    return row_of(instance)
