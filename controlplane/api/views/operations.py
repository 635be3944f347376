"""Operations: list, read, and take in hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.idempotency import Answer, once
from controlplane.api.pages import page
from controlplane.api.parameters import PAGES, TENANT, Parameter, Query
from controlplane.api.shapes.operation import (
    OPERATION_LIST,
    OPERATION_WITH_STEPS,
    REASON,
    operation_whole,
    operation_with_steps,
)
from controlplane.api.shapes.step import steps_of
from controlplane.api.views.base import ApiView
from controlplane.kernel.ids import parse_uuid
from controlplane.tenants.addresses import base_of
from provisioner.operations import services
from provisioner.operations.models import Operation
from provisioner.operations.moves import State
from provisioner.operations.timeline import attempts_of
from provisioner.operations.timing import usual_seconds
from provisioner.runtimes.phases import Kind

STATES = [state.value for state in State]
KINDS = [kind.value for kind in Kind]
FILTERS = (
    Parameter("state", "States.", {"type": "string", "enum": STATES}, repeatable=True),
    Parameter("kind", "Kinds.", {"type": "string", "enum": KINDS}, repeatable=True),
    Parameter("landscape", "Keys of landscapes.", repeatable=True),
    TENANT,
)
RUNTIME = Parameter("runtime", "Ids of runtimes.", repeatable=True)


class OperationList(ApiView):
    """The operations of a tenant."""

    @contract(
        operation_id="list_operations",
        summary="List operations",
        tag="operations",
        answers={200: OPERATION_LIST},
        query=(*PAGES, *FILTERS, RUNTIME),
    )
    def get(self, request: Request) -> Response:
        """Return one page."""
        rows = _narrowed(scope.operations(actor_of(request), self.query), self.query)
        return Response(_page(request, self.query, rows))


class RuntimeOperations(ApiView):
    """The history of one runtime."""

    @contract(
        operation_id="list_operations_of_runtime",
        summary="List the operations of a runtime",
        tag="operations",
        answers={200: OPERATION_LIST},
        query=(*PAGES, *FILTERS),
        problems=(404,),
    )
    def get(self, request: Request, runtime: str) -> Response:
        """Return one page."""
        actor = actor_of(request)
        row = scope.found("runtime", runtime, scope.runtimes(actor))
        rows = _narrowed(scope.operations(actor, self.query).filter(runtime=row), self.query)
        return Response(_page(request, self.query, rows))


class OperationDetail(ApiView):
    """One operation."""

    @contract(
        operation_id="read_operation",
        summary="Read an operation with its steps and attempts",
        tag="operations",
        answers={200: OPERATION_WITH_STEPS},
        problems=(404,),
    )
    def get(self, request: Request, operation: str) -> Response:
        """Return what was done, what it waits for, and how long that usually takes."""
        row: Operation = scope.found("operation", operation, scope.operations(actor_of(request)))
        return Response(whole(row, base=base_of(request)))


class OperationControl(ApiView):
    """A person's hand on one operation; one subclass per verb."""

    control: Callable[..., Operation]

    def carry_out(self, request: Request, operation: str) -> HttpResponse:
        """Call the verb's service and answer with the operation."""
        operation_id = scope.id_of("operation", operation)
        reason = self.body(request).get("reason", "")
        actor, base = actor_of(request), base_of(request)

        def act() -> Answer:
            type(self).control(actor=actor, operation_id=operation_id, reason=reason)
            row: Operation = scope.found("operation", operation, scope.operations(actor))
            return Answer(200, whole(row, base=base))

        return once(request, act)


def control(verb: str, summary: str, service: Callable[..., Operation]) -> type[OperationControl]:
    """Return the view of one verb."""

    @contract(
        operation_id=f"{verb}_operation",
        summary=summary,
        tag="operations",
        answers={200: OPERATION_WITH_STEPS},
        body=REASON,
        body_required=False,
        problems=(403, 404, 409),
        idempotent=True,
    )
    def post(self: OperationControl, request: Request, operation: str) -> HttpResponse:
        return self.carry_out(request, operation)

    post.__doc__ = service.__doc__
    return type(
        f"Operation{verb.title()}", (OperationControl,), {"post": post, "control": staticmethod(service)}
    )


OperationPause = control("pause", "Pause an operation", services.pause_operation)
OperationResume = control("resume", "Resume a paused operation", services.resume_operation)
OperationRetry = control("retry", "Retry a failed operation", services.retry_operation)
OperationCancel = control("cancel", "Cancel an operation", services.cancel_operation)
OperationSkip = control("skip", "Skip the current step", services.skip_step)


def whole(operation: Operation, *, base: str) -> dict[str, Any]:
    """Return an operation with steps, attempts and usual duration."""
    steps = steps_of(operation, attempts_of(operation), usual_seconds(operation))
    return operation_with_steps(operation, base=base, steps=steps)


def _page(request: Request, query: Query, rows: QuerySet[Operation]) -> dict[str, Any]:
    base = base_of(request)

    def write(found: Sequence[Operation]) -> list[dict[str, Any]]:
        return [operation_whole(operation, base=base) for operation in found]

    return page(request, query, rows, write)


def _narrowed(rows: QuerySet[Operation], query: Query) -> QuerySet[Operation]:
    if states := query.many("state", allowed=STATES):
        rows = rows.filter(state__in=states)
    if kinds := query.many("kind", allowed=KINDS):
        rows = rows.filter(kind__in=kinds)
    if landscapes := query.many("landscape"):
        rows = rows.filter(landscape__key__in=landscapes)
    if runtimes := query.many("runtime"):
        rows = rows.filter(Q(runtime__in=[known for runtime in runtimes if (known := parse_uuid(runtime))]))
    return rows
