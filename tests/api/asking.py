"""A person who asks the API; every answer is held against the contract of its endpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from django.http import HttpResponse
from django.test import Client
from django.urls import resolve
from jsonschema import Draft202012Validator, FormatChecker

from controlplane.api.contract import contract_of
from controlplane.api.shapes.base import inlined
from controlplane.api.shapes.problem import PROBLEM
from tests.world import Person

V1 = "/api/v1"
WISH: dict[str, Any] = {
    "account": "shop",
    "name": "checkout",
    "plan": "aws",
    "parameters": {"region": "eu-central-1"},
    "labels": {"team": "payments"},
}

# By the shape's id: to write a shape out costs more than to hold an answer against it. Kept beside it, it is nobody else's id.
_VALIDATORS: dict[int, tuple[Any, Draft202012Validator]] = {}


class Asking:
    """One person and their token; paths are those below /api/v1."""

    def __init__(self, person: Person | None = None, *, token: str = "") -> None:
        bearer = token or (person.token if person else "")
        self._client = Client(headers={"Authorization": f"Bearer {bearer}"} if bearer else {})

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.ask("GET", path, None, headers)

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.ask("POST", path, body, headers)

    def patch(self, path: str, body: Any, **headers: str) -> HttpResponse:
        return self.ask("PATCH", path, body, headers)

    def delete(self, path: str, **headers: str) -> HttpResponse:
        return self.ask("DELETE", path, None, headers)

    def order(self, **changes: Any) -> dict[str, Any]:
        """Order a runtime and return the answer's body."""
        response = self.post("/runtimes", {**WISH, **changes})
        assert response.status_code == 202, response.content
        body: dict[str, Any] = read(response)
        return body

    def ask(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> HttpResponse:
        """Send a request; header names are written with underscores."""
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        address = path if path.startswith("http") else V1 + path
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        kind = sent.pop("Content-Type", "application/json") if raw else "application/octet-stream"
        split = urlsplit(address)
        target = split.path + (f"?{split.query}" if split.query else "")
        response = cast(
            "HttpResponse", self._client.generic(method, target, raw, content_type=kind, headers=sent)
        )
        conforms(method, split.path, response)
        return response


def read(response: HttpResponse) -> Any:
    """The body's JSON."""
    return json.loads(response.content)


def problem(response: HttpResponse) -> tuple[int, str]:
    """Status and code of a problem."""
    assert response["Content-Type"] == "application/problem+json", response.content
    return response.status_code, read(response)["code"]


def conforms(method: str, path: str, response: HttpResponse) -> None:
    """Assert that the answer is one that the endpoint's contract tells, in status, kind and shape."""
    assert response["X-Request-ID"]
    status = response.status_code
    if status >= 400:
        assert response["Content-Type"] == "application/problem+json"
        validate(PROBLEM, read(response))
        assert read(response)["status"] == status
        assert read(response)["detail"].endswith((".", "…”.")), read(response)["detail"]
    view = getattr(resolve(path).func, "view_class", None) if status not in {404, 405} else None
    agreed = contract_of(view, method) if view else None
    if agreed is None:
        return
    told = set(agreed.answers) | set(agreed.statuses_of_problems())
    assert status in told, f"{method} {path} answered {status}, its contract tells {sorted(told)}"
    if status < 400 and response["Content-Type"] == "application/json":
        validate(agreed.answers[status], read(response))
        assert all(name in response for name in agreed.headers.get(status, ()))


def validate(shape: Any, value: Any) -> None:
    """Assert that the value has exactly this shape: nothing amiss, nothing that is not told."""
    if id(shape) not in _VALIDATORS:
        made = Draft202012Validator(closed(inlined(shape)), format_checker=FormatChecker())
        _VALIDATORS[id(shape)] = shape, made
    _VALIDATORS[id(shape)][1].validate(value)


def closed(schema: Any) -> Any:
    """The same schema, refusing properties that it does not name."""
    if isinstance(schema, list):
        return [closed(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(entry) for key, entry in schema.items()}
    if schema.get("type") == "object" and isinstance(schema.get("properties"), dict):
        inner.setdefault("additionalProperties", False)
    return inner
