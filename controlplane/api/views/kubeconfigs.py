"""Kubeconfigs: minted on demand, never kept."""

from __future__ import annotations

from datetime import timedelta

from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.shapes.runtime import KUBECONFIG, KUBECONFIG_REQUEST
from controlplane.api.views.base import ApiView
from controlplane.kernel.clock import rfc3339
from provisioner.drivers.base import Role
from provisioner.lifecycle.kubeconfig import mint_kubeconfig

DEFAULT_TTL_SECONDS = 3600


class RuntimeKubeconfig(ApiView):
    """Access to one runtime."""

    @contract(
        operation_id="mint_kubeconfig",
        summary="Mint a kubeconfig",
        tag="runtimes",
        answers={200: KUBECONFIG},
        body=KUBECONFIG_REQUEST,
        body_required=False,
        problems=(403, 404, 409, 429),
    )
    def post(self, request: Request, runtime: str) -> Response:
        """Return a credential that expires.

        An Idempotency-Key is not heeded here: an answer that is never stored can't be repeated, and asking
        again does no harm.
        """
        body = self.body(request)
        minted = mint_kubeconfig(
            actor=actor_of(request),
            runtime_id=scope.id_of("runtime", runtime),
            ttl=timedelta(seconds=body.get("ttl_seconds", DEFAULT_TTL_SECONDS)),
            role=Role(body.get("role", Role.ADMIN)),
        )
        answer = {"kubeconfig": minted.yaml, "expires_at": rfc3339(minted.expires_at)}
        return Response(answer, headers={"Cache-Control": "no-store"})
