"""Service instances."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from django.http import HttpRequest

from controlplane.osb.callers import Caller, of_instance, of_organization
from controlplane.osb.deprovisioning import deprovision
from controlplane.osb.fetching import fetch
from controlplane.osb.instances import Begun
from controlplane.osb.models import OsbInstance
from controlplane.osb.polling import last_operation
from controlplane.osb.provisioning import provision
from controlplane.osb.trimming import trimmed
from controlplane.osb.updating import update
from controlplane.osb.views.base import Answer, BrokerView, at_region, body_of, is_asynchronous
from controlplane.osb.wishes import identifier, optional, provision_wish, update_wish
from controlplane.tenants.isolation.scopes import one_transaction

POLL_SECONDS = 10


class Instance(BrokerView):
    """One service instance."""

    def put(self, request: HttpRequest, *, held: ExitStack, instance: str) -> Answer:
        """Provision."""
        wish = provision_wish(body_of(request, self.caller))
        known = of_instance(self.caller, instance)
        caller = self.narrow(known if known.tenant else of_organization(known, wish), held)
        begun = provision(
            caller=caller, instance_id=instance, wish=wish, asynchronous=is_asynchronous(request)
        )
        return begun_answer(caller, begun)

    def patch(self, request: HttpRequest, *, held: ExitStack, instance: str) -> Answer:
        """Update."""
        wish = update_wish(body_of(request, self.caller))
        caller = self.narrow(of_instance(self.caller, instance), held)
        begun = update(caller=caller, instance_id=instance, wish=wish, asynchronous=is_asynchronous(request))
        return begun_answer(caller, begun)

    def delete(self, request: HttpRequest, *, held: ExitStack, instance: str) -> Answer:
        """Deprovision."""
        service_id = identifier(request.GET, "service_id")
        identifier(request.GET, "plan_id")
        caller = self.narrow(of_instance(self.caller, instance), held)
        begun = deprovision(
            caller=caller,
            instance_id=instance,
            service_id=service_id,
            asynchronous=is_asynchronous(request),
        )
        return Answer(202, _operation(begun))

    def get(self, request: HttpRequest, *, held: ExitStack, instance: str) -> Answer:
        """Fetch."""
        caller = self.narrow(of_instance(self.caller, instance), held)
        with one_transaction():
            row = fetch(caller=caller, instance_id=instance)
            at_region(caller, row.runtime.region)
            answer = {
                "service_id": row.service_id,
                "plan_id": row.plan_id,
                "dashboard_url": dashboard_url(caller, row),
                "parameters": row.parameters,
                "maintenance_info": {"version": row.runtime.spec["release"]["key"]},
                "metadata": {"labels": {"region": row.runtime.region, "runtime": row.runtime.name}},
            }
        return Answer(200, trimmed("instance", answer, self.minor))


class LastOperation(BrokerView):
    """How far an instance is."""

    def get(self, request: HttpRequest, *, held: ExitStack, instance: str) -> Answer:
        """Poll."""
        for name in ("service_id", "plan_id"):
            optional(request.GET, name)
        caller = self.narrow(of_instance(self.caller, instance), held)
        with one_transaction():
            token = request.GET.get("operation")
            answer, again = last_operation(caller=caller, instance_id=instance, token=token)
        headers = {"Retry-After": str(POLL_SECONDS)} if again else {}
        return Answer(200, trimmed("last_operation", answer, self.minor), headers)


def begun_answer(caller: Caller, begun: Begun) -> Answer:
    """Return 202 with the operation that goes on, or 200 when there is nothing to wait for."""
    body = {"dashboard_url": dashboard_url(caller, begun.instance), **_operation(begun)}
    return Answer(202 if begun.operation else 200, body)


def dashboard_url(caller: Caller, row: OsbInstance) -> str:
    """Return the runtime's page in the console."""
    return f"{caller.base}/runtimes/{row.runtime_id}/"


def _operation(begun: Begun) -> dict[str, Any]:
    return {"operation": str(begun.operation.pk)} if begun.operation else {}
