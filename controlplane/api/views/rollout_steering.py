"""What people do to a rollout: move it, steer its targets, open its gates."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.idempotency import Answer, once
from controlplane.api.moments import ids_in
from controlplane.api.shapes.rollout import ROLLOUT
from controlplane.api.shapes.rollout_wish import CHOICE, COUNT_DONE, NOTE, REASONED, RESUME
from controlplane.api.views.base import ApiView
from controlplane.api.views.rollouts import rollout_again
from controlplane.tenants.addresses import base_of
from provisioner.rollouts import services

MOVED: dict[str, Any] = {
    "of_no_tenant": True,
    "tag": "rollouts",
    "answers": {200: ROLLOUT},
    "problems": (403, 404, 409),
    "idempotent": True,
}
STEERED: dict[str, Any] = {**MOVED, "answers": {200: COUNT_DONE}, "body": CHOICE}


class _Moved(ApiView):
    def _moved(self, request: Request, rollout: str, service: Any, **more: Any) -> HttpResponse:
        """Let the service act, and answer with the rollout as it stands then."""
        rollout_id, body = scope.id_of("rollout", rollout), {**more, **self.body(request)}
        actor, base = actor_of(request), base_of(request)

        def act() -> Answer:
            service(actor=actor, rollout_id=rollout_id, **body)
            return Answer(200, rollout_again(actor, rollout_id, base=base))

        return once(request, act)

    def _steered(self, request: Request, rollout: str, service: Any) -> HttpResponse:
        """Let the service act on the chosen targets, and answer on how many."""
        rollout_id, body = scope.id_of("rollout", rollout), self.body(request)
        choice = services.Choice(
            target_ids=ids_in(body, "targets"), signature=body.get("signature", ""), state=body.get("state", ""),
            reason_code=body.get("reason_code", ""),
        )  # fmt: skip
        given = {"choice": choice, "reason": body.get("reason", "")}

        def act() -> Answer:
            return Answer(200, {"count": service(actor=actor_of(request), rollout_id=rollout_id, **given)})

        return once(request, act)


class RolloutStart(_Moved):
    """Start a draft."""

    @contract(operation_id="start_rollout", summary="Start a rollout", **MOVED)
    def post(self, request: Request, rollout: str) -> HttpResponse:
        """Freeze its plan, release and members as things stand now, and let it begin."""
        return self._moved(request, rollout, services.start_rollout)


class RolloutPause(_Moved):
    """Pause it."""

    @contract(operation_id="pause_rollout", summary="Pause a rollout", **MOVED, body=REASONED)
    def post(self, request: Request, rollout: str) -> HttpResponse:
        """Let nothing more begin; what runs may end. Once this has answered, nothing begins."""
        return self._moved(request, rollout, services.pause_rollout)


class RolloutResume(_Moved):
    """Resume it."""

    @contract(
        operation_id="resume_rollout", summary="Resume a rollout", **MOVED, body=RESUME, body_required=False
    )
    def post(self, request: Request, rollout: str) -> HttpResponse:
        """Go on where a pause, the failure budget or the breaker stopped it."""
        return self._moved(request, rollout, services.resume_rollout)


class RolloutAbort(_Moved):
    """Abort it."""

    @contract(operation_id="abort_rollout", summary="Abort a rollout", **MOVED, body=REASONED)
    def post(self, request: Request, rollout: str) -> HttpResponse:
        """Give it up: what runs may end, the others are left behind."""
        return self._moved(request, rollout, services.abort_rollout)


class RolloutClose(_Moved):
    """Close it."""

    @contract(operation_id="close_rollout", summary="Close a rollout", **MOVED, body=REASONED)
    def post(self, request: Request, rollout: str) -> HttpResponse:
        """End it with what is done: what runs may end, the others are left behind, and it completes."""
        return self._moved(request, rollout, services.close_rollout)


class RolloutRetry(_Moved):
    """Try again."""

    @contract(operation_id="retry_rollout_targets", summary="Try targets of a rollout again", **STEERED)
    def post(self, request: Request, rollout: str) -> HttpResponse:
        """Try what failed, was skipped, is blocked or left behind again, with the same release and plan."""
        return self._steered(request, rollout, services.retry_targets)


class RolloutSkip(_Moved):
    """Leave out."""

    @contract(operation_id="skip_rollout_targets", summary="Skip targets of a rollout", **STEERED)
    def post(self, request: Request, rollout: str) -> HttpResponse:
        """Leave out what has not begun, or failed, for a reason that is kept."""
        return self._steered(request, rollout, services.skip_targets)


class RolloutPrioritise(_Moved):
    """Put in front."""

    @contract(
        operation_id="prioritise_rollout_targets", summary="Put targets of a rollout in front", **STEERED
    )
    def post(self, request: Request, rollout: str) -> HttpResponse:
        """Put what has not begun in front of its stage."""
        return self._steered(request, rollout, services.prioritise_targets)


class GateApprove(_Moved):
    """Approve a gate."""

    @contract(operation_id="approve_gate", summary="Approve a gate", **MOVED, body=NOTE, body_required=False)
    def post(self, request: Request, rollout: str, gate: str) -> HttpResponse:
        """Say yes to an approval gate, each person once; it opens with the next look when enough have."""
        number = scope.number_of("gate", gate)
        return self._moved(request, rollout, services.approve_gate, gate_id=number)


class GateOpen(_Moved):
    """Open a gate by force."""

    @contract(operation_id="open_gate", summary="Open a gate by force", **MOVED, body=REASONED)
    def post(self, request: Request, rollout: str, gate: str) -> HttpResponse:
        """Open it whatever it says, for a reason that is kept."""
        return self._moved(request, rollout, services.open_gate, gate_id=scope.number_of("gate", gate))
