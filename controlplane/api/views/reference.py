"""Where to begin: the index, the OpenAPI document, and the page that shows it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import yaml
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api.contract import contract
from controlplane.api.links import PREFIX
from controlplane.api.parameters import Parameter
from controlplane.api.shapes.base import FREE, URL, Shape, record
from controlplane.api.shapes.team import ROLES, right_json
from controlplane.api.views.base import ApiView
from controlplane.tenants.access import PlatformRole, Role
from controlplane.tenants.addresses import base_of
from controlplane.tenants.rights import rights

NOUNS = (
    "plans", "regions", "releases", "channels", "rollouts", "maintenance-windows", "maintenance-exclusions", "modules",
    "accounts", "runtimes", "operations", "members", "invitations", "tokens", "service-accounts", "quota", "quota-requests",
    "tenants", "sessions", "identity-providers", "usage", "costs", "budgets", "anomalies", "prices", "statements", "charges",
    "footprint", "webhooks", "audit", "roles", "me", "schema", "docs",
)  # fmt: skip
INDEX = Shape("Index", record(dict.fromkeys(NOUNS, URL), description="Where everything is."))
DOCUMENT = Shape("OpenApiDocument", {**FREE, "description": "This document."})
FORMATS = ("json", "yaml")
FORMAT = Parameter("format", "`json`, which is the default, or `yaml`.", {"type": "string", "enum": FORMATS})
YAML = "application/yaml"
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the document takes seconds otherwise


class Index(ApiView):
    """The first address."""

    authentication_classes = ()
    permission_classes = ()

    @contract(
        operation_id="read_index",
        summary="Find everything",
        tag="reference",
        answers={200: INDEX},
        public=True,
    )
    def get(self, request: Request) -> Response:
        """Return the address of each list."""
        base = base_of(request)
        return Response({noun: f"{base}{PREFIX}/{noun}" for noun in NOUNS})


class Schema(ApiView):
    """The OpenAPI document."""

    authentication_classes = ()
    permission_classes = ()

    @contract(
        operation_id="read_schema",
        summary="Read this OpenAPI document",
        tag="reference",
        answers={200: DOCUMENT},
        media_types=("application/json", YAML),
        query=(FORMAT,),
        public=True,
    )
    def get(self, request: Request) -> HttpResponse:
        """Return it as JSON, or as YAML on `?format=yaml`."""
        wanted = self.query.many("format", allowed=FORMATS)
        if wanted == ["yaml"]:
            return HttpResponse(_as_yaml(), content_type=YAML)
        return HttpResponse(_as_json(), content_type="application/json")


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Show the OpenAPI document as a page to read and to try out; its scripts and styles come from this server."""
    return render(request, "api/docs.html")


class Roles(ApiView):
    """The permission table."""

    authentication_classes = ()
    permission_classes = ()

    @contract(
        operation_id="read_roles",
        summary="Read which role may do what",
        tag="reference",
        answers={200: ROLES},
        public=True,
    )
    def get(self, request: Request) -> Response:
        """Return every permission with the roles that have it and the scopes that cover it."""
        return Response({"permissions": [right_json(right) for right in rights()]})


@require_safe
def roles_page(request: HttpRequest) -> HttpResponse:
    """Show the permission table to people."""
    context = {
        "rights": rights(),
        "roles": list(Role),
        "platform_roles": [role for role in PlatformRole if role],
    }
    return render(request, "api/roles.html", context)


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document; it depends on the code only."""
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return made


@cache
def _as_json() -> str:
    return json.dumps(document(), ensure_ascii=False)


@cache
def _as_yaml() -> str:
    plain = json.loads(_as_json())
    return yaml.dump(plain, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=110)
