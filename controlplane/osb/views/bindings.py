"""Service bindings."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest

from controlplane.kernel.clock import rfc3339
from controlplane.osb.binding import Bound, bind, binding_state, fetch_binding
from controlplane.osb.callers import of_instance
from controlplane.osb.deprovisioning import gone
from controlplane.osb.models import BindingState
from controlplane.osb.trimming import trimmed
from controlplane.osb.unbinding import unbind
from controlplane.osb.views.base import Answer, BrokerView, body_of
from controlplane.osb.wishes import bind_wish, identifier

HTTPS = 443
_STATES = {
    BindingState.GRANTING: "in progress",
    BindingState.BOUND: "succeeded",
    BindingState.REVOKING: "in progress",
}


class Binding(BrokerView):
    """One service binding."""

    def put(self, request: HttpRequest, *, held: ExitStack, instance: str, binding: str) -> Answer:
        """Bind, or rotate."""
        wish = bind_wish(body_of(request, self.caller))
        caller = self.narrow(of_instance(self.caller, instance), held)
        bound = bind(caller=caller, instance_id=instance, binding_id=binding, wish=wish)
        return Answer(201 if bound.created else 200, _written(bound, self.minor))

    def get(self, request: HttpRequest, *, held: ExitStack, instance: str, binding: str) -> Answer:
        """Fetch."""
        caller = self.narrow(of_instance(self.caller, instance), held)
        bound = fetch_binding(caller=caller, instance_id=instance, binding_id=binding)
        return Answer(200, {**_written(bound, self.minor), "parameters": bound.binding.parameters})

    def delete(self, request: HttpRequest, *, held: ExitStack, instance: str, binding: str) -> Answer:
        """Unbind."""
        service_id = identifier(request.GET, "service_id")
        identifier(request.GET, "plan_id")
        caller = self.narrow(of_instance(self.caller, instance), held)
        unbind(caller=caller, instance_id=instance, binding_id=binding, service_id=service_id)
        return Answer(200, {})


class BindingLastOperation(BrokerView):
    """How far a binding is; it is made while the platform waits, so this answers only who asks all the same."""

    def get(self, request: HttpRequest, *, held: ExitStack, instance: str, binding: str) -> Answer:
        """Poll."""
        caller = self.narrow(of_instance(self.caller, instance), held)
        state = binding_state(caller=caller, instance_id=instance, binding_id=binding)
        if state == BindingState.GONE:
            raise gone()
        return Answer(200, {"state": _STATES[BindingState(state)]})


def _written(bound: Bound, minor: int) -> dict[str, Any]:
    row = bound.binding
    renew_before = (
        row.expires_at - timedelta(seconds=row.ttl_seconds) / 5
    )  # a fifth of its life to rotate it in
    metadata = {"expires_at": moment(row.expires_at), "renew_before": moment(renew_before)}
    answer: dict[str, Any] = {
        "credentials": {
            "kubeconfig": bound.kubeconfig.yaml,
            "role": row.role,
            "expires_at": rfc3339(bound.kubeconfig.expires_at),
        },
        "metadata": trimmed("binding_metadata", metadata, minor),
    }
    address = urlsplit(row.instance.runtime.status.get("api_endpoint") or "")
    if address.hostname:
        answer["endpoints"] = [
            {"host": address.hostname, "ports": [str(address.port or HTTPS)], "protocol": "tcp"}
        ]
    return trimmed("binding", answer, minor)


def moment(when: datetime) -> str:
    """Write a moment as the specification has it: yyyy-mm-ddThh:mm:ss.sZ."""
    utc = when.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 100_000}Z"
