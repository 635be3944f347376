"""Modules: the catalogue, and what of it a runtime has."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.etags import expected_revision
from controlplane.api.idempotency import Answer, once
from controlplane.api.shapes.module import (
    MODULE,
    MODULE_ADD,
    MODULE_CHANGE,
    MODULE_LIST,
    OFFER_LIST,
    module_json,
    offer_json,
)
from controlplane.api.shapes.runtime import STARTED
from controlplane.api.views.base import ApiView
from controlplane.api.views.runtimes import read_again, started
from controlplane.catalog.facts import list_modules
from controlplane.tenants.addresses import base_of
from provisioner.lifecycle.module_reading import module_of, modules_of
from provisioner.lifecycle.modules import add_module, configure_module, remove_module
from provisioner.modules.registry import all_modules
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime


class ModuleList(ApiView):
    """The catalogue of modules."""

    @contract(
        operation_id="list_modules",
        summary="List the catalogue of modules",
        tag="runtimes",
        answers={200: OFFER_LIST},
        of_no_tenant=True,
    )
    def get(self, request: Request) -> Response:
        """Return every module with its settings' schema, on one page."""
        known = all_modules()
        listed = [offer_json(facts, known[facts.key]) for facts in list_modules() if facts.key in known]
        return Response({"results": listed, "next": None})


class Changing(ApiView):
    """What both addresses of a runtime's modules need."""

    def start(
        self,
        request: Request,
        runtime: str,
        door: Callable[..., tuple[Runtime, Operation | None]],
        **wish: object,
    ) -> Answer:
        """Carry out one change and answer as every write that may start work."""
        runtime_id = scope.id_of("runtime", runtime)
        actor, base = actor_of(request), base_of(request)
        changed, operation = door(
            actor=actor, runtime_id=runtime_id, expected_revision=expected_revision(request), **wish
        )
        return started(read_again(actor, changed.id, base=base), operation, base=base)


class RuntimeModuleList(Changing):
    """The modules of one runtime."""

    @contract(
        operation_id="list_runtime_modules",
        summary="List a runtime's modules",
        tag="runtimes",
        answers={200: MODULE_LIST},
        problems=(404,),
    )
    def get(self, request: Request, runtime: str) -> Response:
        """Return every module in the order of its dependencies, with its state and health, on one page."""
        row: Runtime = scope.found("runtime", runtime, scope.runtimes(actor_of(request)))
        return Response({"results": [module_json(sight) for sight in modules_of(row)], "next": None})

    @contract(
        operation_id="add_runtime_module",
        summary="Add a module",
        tag="runtimes",
        answers={200: STARTED, 202: STARTED},
        body=MODULE_ADD,
        problems=(403, 404, 409),
        headers={200: ("ETag",), 202: ("Location", "ETag")},
        idempotent=True,
        conditional=True,
    )
    def post(self, request: Request, runtime: str) -> HttpResponse:
        """Accept the wish for a module; one that is there already takes the settings."""
        wish = self.body(request)
        return once(request, lambda: self.start(request, runtime, add_module, **wish))


class RuntimeModuleDetail(Changing):
    """One module of one runtime."""

    @contract(
        operation_id="read_runtime_module",
        summary="Read a runtime's module",
        tag="runtimes",
        answers={200: MODULE},
        problems=(404,),
    )
    def get(self, request: Request, runtime: str, module: str) -> Response:
        """Return it as wanted and as seen."""
        row: Runtime = scope.found("runtime", runtime, scope.runtimes(actor_of(request)))
        return Response(module_json(module_of(row, module)))

    @contract(
        operation_id="configure_runtime_module",
        summary="Configure a module",
        tag="runtimes",
        answers={200: STARTED, 202: STARTED},
        body=MODULE_CHANGE,
        problems=(403, 404, 409),
        headers={200: ("ETag",), 202: ("Location", "ETag")},
        idempotent=True,
        conditional=True,
    )
    def patch(self, request: Request, runtime: str, module: str) -> HttpResponse:
        """Replace its settings; 200 without an operation when they are as they were."""
        wish = self.body(request)
        return once(request, lambda: self.start(request, runtime, configure_module, module=module, **wish))

    @contract(
        operation_id="remove_runtime_module",
        summary="Remove a module",
        tag="runtimes",
        answers={200: STARTED, 202: STARTED},
        problems=(403, 404, 409, 422),
        headers={200: ("ETag",), 202: ("Location", "ETag")},
        conditional=True,
    )
    def delete(self, request: Request, runtime: str, module: str) -> Response:
        """Accept its removal, unless it still holds what people made: that is looked for in the cluster first.

        An Idempotency-Key is not heeded here: asked again, the module is not there any more (404).
        """
        answer = self.start(request, runtime, remove_module, module=module)
        return Response(answer.body, status=answer.status, headers=dict(answer.headers))
