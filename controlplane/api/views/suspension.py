"""Suspend and resume a runtime."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpResponse
from rest_framework.request import Request

from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.etags import expected_revision
from controlplane.api.idempotency import Answer, once
from controlplane.api.shapes.runtime import STARTED
from controlplane.api.views.base import ApiView
from controlplane.api.views.runtimes import read_again, started
from controlplane.tenants.addresses import base_of
from provisioner.lifecycle.resume import resume_runtime
from provisioner.lifecycle.suspend import suspend_runtime
from provisioner.operations.models import Operation


class Suspension(ApiView):
    """One of the two verbs; the runtime's own people's wish."""

    def carry_out(self, request: Request, runtime: str, door: Callable[..., Operation]) -> HttpResponse:
        """Answer as every write that may start work: 200 without an operation where nothing needs to be done."""
        runtime_id = scope.id_of("runtime", runtime)
        revision = expected_revision(request)
        actor, base = actor_of(request), base_of(request)

        def act() -> Answer:
            operation = door(actor=actor, runtime_id=runtime_id, expected_revision=revision)
            under_way = operation if operation.slot else None
            return started(read_again(actor, runtime_id, base=base), under_way, base=base)

        return once(request, act)


class RuntimeSuspend(Suspension):
    """Let a runtime rest."""

    @contract(
        operation_id="suspend_runtime",
        summary="Suspend a runtime",
        tag="runtimes",
        answers={200: STARTED, 202: STARTED},
        problems=(403, 404, 409),
        headers={200: ("ETag",), 202: ("Location", "ETag")},
        idempotent=True,
        conditional=True,
    )
    def post(self, request: Request, runtime: str) -> HttpResponse:
        """Hibernate the cluster: nothing runs, what it stored is kept.

        A plan may say `destroy` instead (its `suspension`), and what never was ready is removed, too. Changes made meanwhile are
        kept, and come true when the runtime is resumed.
        """
        return self.carry_out(request, runtime, suspend_runtime)


class RuntimeResume(Suspension):
    """Wake a runtime."""

    @contract(
        operation_id="resume_runtime",
        summary="Resume a suspended runtime",
        tag="runtimes",
        answers={200: STARTED, 202: STARTED},
        problems=(403, 404, 409),
        headers={200: ("ETag",), 202: ("Location", "ETag")},
        idempotent=True,
        conditional=True,
    )
    def post(self, request: Request, runtime: str) -> HttpResponse:
        """Wake the cluster, or build it anew where suspending it removed it.

        409 `runtime_held` while something else than the tenant's own wish keeps it suspended: `status.suspended_for` says what.
        """
        return self.carry_out(request, runtime, resume_runtime)
