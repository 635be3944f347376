"""Runtimes: list, create, read, change, delete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.etags import etag, expected_revision
from controlplane.api.idempotency import Answer, once
from controlplane.api.links import operation_url
from controlplane.api.pages import page
from controlplane.api.parameters import PAGES, TENANT, Parameter, Query
from controlplane.api.shapes.operation import operation_short
from controlplane.api.shapes.runtime import (
    PHASES,
    RUNTIME,
    RUNTIME_CHANGE,
    RUNTIME_CREATE,
    RUNTIME_LIST,
    STARTED,
    runtime_json,
)
from controlplane.api.views.base import ApiView
from controlplane.kernel.ids import parse_uuid
from controlplane.tenants.access import Actor
from controlplane.tenants.addresses import base_of
from provisioner.lifecycle.create import create_runtime
from provisioner.lifecycle.delete import delete_runtime
from provisioner.lifecycle.update import update_runtime
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Phase

FILTERS = (
    Parameter("phase", "Phases.", {"type": "string", "enum": PHASES}, repeatable=True),
    Parameter("plan", "Keys of plans.", repeatable=True),
    Parameter("region", "Regions.", repeatable=True),
    Parameter("account", "Ids or slugs of accounts.", repeatable=True),
    Parameter("label", "`key=value`; all must be there.", repeatable=True, example=["team=payments"]),
    Parameter("q", "A part of name, cluster name, account, region or plan."),
    Parameter("deleted", "Whether to include what is deprovisioned.", {"type": "boolean", "default": False}),
    TENANT,
)


class RuntimeList(ApiView):
    """The runtimes of a tenant."""

    @contract(
        operation_id="list_runtimes",
        summary="List runtimes",
        tag="runtimes",
        answers={200: RUNTIME_LIST},
        query=(*PAGES, *FILTERS),
    )
    def get(self, request: Request) -> Response:
        """Return one page, with what is under way on each runtime."""
        rows = _narrowed(scope.runtimes(actor_of(request), self.query), self.query)
        base = base_of(request)

        def write(found: Sequence[Runtime]) -> list[dict[str, Any]]:
            under_way = scope.under_way(runtime.id for runtime in found)
            return [runtime_json(runtime, under_way.get(runtime.id), base=base) for runtime in found]

        return Response(page(request, self.query, rows, write))

    @contract(
        operation_id="create_runtime",
        summary="Create a runtime",
        tag="runtimes",
        answers={202: STARTED},
        body=RUNTIME_CREATE,
        problems=(403, 409),
        headers={202: ("Location", "ETag")},
        idempotent=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Accept the wish and answer with the operation that fulfils it."""
        body = self.body(request)
        tenant = scope.tenant_for_write(self.tenant, body.get("tenant", ""))
        actor, base = actor_of(request), base_of(request)

        def act() -> Answer:
            operation = create_runtime(
                actor=actor,
                tenant=tenant,
                account=body["account"],
                name=body["name"],
                plan=body["plan"],
                parameters=body.get("parameters", {}),
                labels=body.get("labels", {}),
            )
            runtime = runtime_json(operation.runtime, operation, base=base)
            return started(runtime, operation, base=base)

        return once(request, act)


class RuntimeDetail(ApiView):
    """One runtime."""

    @contract(
        operation_id="read_runtime",
        summary="Read a runtime",
        tag="runtimes",
        answers={200: RUNTIME},
        problems=(404,),
        headers={200: ("ETag",)},
    )
    def get(self, request: Request, runtime: str) -> Response:
        """Return the runtime as wanted and as observed; deprovisioned ones included."""
        row: Runtime = scope.found("runtime", runtime, scope.runtimes(actor_of(request)))
        operation = scope.under_way([row.id]).get(row.id)
        return Response(
            runtime_json(row, operation, base=base_of(request)), headers={"ETag": etag(row.revision)}
        )

    @contract(
        operation_id="change_runtime",
        summary="Change a runtime",
        tag="runtimes",
        answers={200: STARTED, 202: STARTED},
        body=RUNTIME_CHANGE,
        problems=(403, 404, 409),
        headers={200: ("ETag",), 202: ("Location", "ETag")},
        idempotent=True,
        conditional=True,
    )
    def patch(self, request: Request, runtime: str) -> HttpResponse:
        """Accept the new wish; 200 without an operation when nothing needs to be built."""
        runtime_id = scope.id_of("runtime", runtime)
        body, revision = self.body(request), expected_revision(request)
        actor, base = actor_of(request), base_of(request)

        def act() -> Answer:
            changed, operation = update_runtime(
                actor=actor,
                runtime_id=runtime_id,
                parameters=body.get("parameters"),
                labels=body.get("labels"),
                expected_revision=revision,
            )
            return started(read_again(actor, changed.id, base=base), operation, base=base)

        return once(request, act)

    @contract(
        operation_id="delete_runtime",
        summary="Delete a runtime",
        tag="runtimes",
        answers={202: STARTED},
        problems=(403, 404, 409),
        headers={202: ("Location", "ETag")},
        idempotent=True,
        conditional=True,
    )
    def delete(self, request: Request, runtime: str) -> HttpResponse:
        """Accept the wish to remove it; asked again, the same operation answers."""
        runtime_id = scope.id_of("runtime", runtime)
        revision = expected_revision(request)
        actor, base = actor_of(request), base_of(request)

        def act() -> Answer:
            operation = delete_runtime(actor=actor, runtime_id=runtime_id, expected_revision=revision)
            return started(read_again(actor, runtime_id, base=base), operation, base=base)

        return once(request, act)


def started(runtime: dict[str, Any], operation: Operation | None, *, base: str) -> Answer:
    """Return what every write that may start work answers with."""
    tag = {"ETag": etag(runtime["revision"])}
    short = operation and operation_short(operation, base=base)
    body = {"runtime": runtime, "operation": short}
    if operation is None:
        return Answer(200, body, tag)
    return Answer(202, body, {"Location": operation_url(base, operation.id), **tag})


def read_again(actor: Actor, runtime_id: UUID, *, base: str) -> dict[str, Any]:
    """Return the runtime as the service left it: opening an operation may have moved its phase and its active operation."""
    row = scope.runtimes(actor).get(pk=runtime_id)
    return runtime_json(row, scope.under_way([row.id]).get(row.id), base=base)


def _narrowed(rows: QuerySet[Runtime], query: Query) -> QuerySet[Runtime]:
    phases = query.many("phase", allowed=PHASES)
    if phases:
        rows = rows.filter(phase__in=phases)
    if not query.flag("deleted") and Phase.DEPROVISIONED not in phases:
        rows = rows.filter(deleted_at__isnull=True)
    if plans := query.many("plan"):
        rows = rows.filter(plan__in=plans)
    if regions := query.many("region"):
        rows = rows.filter(region__in=regions)
    if accounts := query.many("account"):
        ids = [known for account in accounts if (known := parse_uuid(account))]
        rows = rows.filter(Q(account__slug__in=accounts) | Q(account__in=ids))
    if labels := query.pairs("label"):
        rows = rows.filter(labels__contains=labels)
    if text := query.text("q").strip():
        rows = rows.matching(text)  # type: ignore[attr-defined]
    return rows
