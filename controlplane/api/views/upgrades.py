"""Upgrade a runtime now, keep it on its release, and see what an upgrade changed."""

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
from controlplane.api.shapes.release import PIN, STANDING, UPGRADE, standing_json
from controlplane.api.shapes.runtime import STARTED
from controlplane.api.views.base import ApiView
from controlplane.api.views.runtimes import read_again, started
from controlplane.tenants.addresses import base_of
from provisioner.lifecycle.pin import pin_runtime, unpin_runtime
from provisioner.lifecycle.upgrade import upgrade_runtime
from provisioner.lifecycle.upgrade_reading import standing_of
from provisioner.runtimes.models import Runtime


class RuntimeReleases(ApiView):
    """Where a runtime stands among releases."""

    @contract(
        operation_id="read_runtime_releases",
        summary="Read what a runtime can be upgraded to",
        tag="runtimes",
        answers={200: STANDING},
        problems=(404,),
    )
    def get(self, request: Request, runtime: str) -> Response:
        """Return its release, the newer ones with the way there or why not, and what the last upgrade changed."""
        row: Runtime = scope.found("runtime", runtime, scope.runtimes(actor_of(request)))
        return Response(standing_json(standing_of(row), base=base_of(request)))


class RuntimeUpgrade(ApiView):
    """Upgrade now."""

    @contract(
        operation_id="upgrade_runtime",
        summary="Upgrade a runtime now",
        tag="runtimes",
        answers={202: STARTED},
        body=UPGRADE,
        body_required=False,
        problems=(403, 404, 409),
        headers={202: ("Location", "ETag")},
        idempotent=True,
        conditional=True,
    )
    def post(self, request: Request, runtime: str) -> HttpResponse:
        """Bring it to a release, one Kubernetes minor at a time; asked again, the same operation answers.

        409 says why not, and what to do: `runtime_busy`, `release_older`, `hop_missing`, `upgrade_blocked` ...
        """
        runtime_id = scope.id_of("runtime", runtime)
        release, revision = self.body(request).get("release", ""), expected_revision(request)
        actor, base = actor_of(request), base_of(request)

        def act() -> Answer:
            operation = upgrade_runtime(
                actor=actor, runtime_id=runtime_id, release=release, expected_revision=revision
            )
            return started(read_again(actor, runtime_id, base=base), operation, base=base)

        return once(request, act)


class RuntimePin(ApiView):
    """Keep a runtime on its release."""

    @contract(
        operation_id="pin_runtime",
        summary="Keep a runtime on its release",
        tag="runtimes",
        answers={200: STARTED},
        body=PIN,
        body_required=False,
        problems=(403, 404, 409),
        headers={200: ("ETag",)},
        idempotent=True,
        conditional=True,
    )
    def post(self, request: Request, runtime: str) -> HttpResponse:
        """Keep it there, whatever its channel does, until that release's end of life.

        409 says why not: `runtime_busy` while an upgrade is under way, `release_expired`, `release_withdrawn`.
        """
        self.body(request)
        return self._carry_out(request, runtime, pin_runtime)

    @contract(
        operation_id="unpin_runtime",
        summary="Let a runtime follow its channel again",
        tag="runtimes",
        answers={200: STARTED},
        problems=(403, 404, 409),
        headers={200: ("ETag",)},
        idempotent=True,
        conditional=True,
    )
    def delete(self, request: Request, runtime: str) -> HttpResponse:
        """Take the pin away; it is upgraded with the next rollout, or now by `upgrade`."""
        return self._carry_out(request, runtime, unpin_runtime)

    def _carry_out(self, request: Request, runtime: str, door: Callable[..., Runtime]) -> HttpResponse:
        runtime_id, revision = scope.id_of("runtime", runtime), expected_revision(request)
        actor, base = actor_of(request), base_of(request)

        def act() -> Answer:
            door(actor=actor, runtime_id=runtime_id, expected_revision=revision)
            return started(read_again(actor, runtime_id, base=base), None, base=base)

        return once(request, act)
