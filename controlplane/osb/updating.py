"""Update: plan and parameters of an instance; what can't be done changes nothing."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from controlplane.catalog.facts import load_plan_facts
from controlplane.kernel.errors import Refused
from controlplane.osb.callers import Caller, platform_of
from controlplane.osb.instances import Begun, is_open, lock_instance, present, recorded, under_way, was_ready
from controlplane.osb.models import OsbInstance
from controlplane.osb.offer import check_service, maintenance_version, plan_of
from controlplane.osb.provisioning import check_maintenance, with_region
from controlplane.osb.refusals import async_required, busy, not_found
from controlplane.osb.wishes import UpdateWish
from provisioner.lifecycle.update import update_runtime


@transaction.atomic
def update(*, caller: Caller, instance_id: str, wish: UpdateWish, asynchronous: bool) -> Begun:
    """Return the instance with the operation that changes it, or without one when there is nothing to change.

    Raises Refused: malformed_request 400, not_found 404, async_required 422, concurrency_error 422,
    maintenance_info_conflict 422, instance_not_usable 422, upgrade_unsupported 422, organization_changed 422, and whatever the
    provisioner refuses.
    """
    check_service(wish.service_id)
    if not asynchronous:
        raise async_required()
    lock_instance(caller, instance_id)
    row = present(caller, instance_id)
    if row is None:
        raise not_found("service instance")
    if (active := under_way(row)) is not None:
        if active.pk == row.operation_id and row.asked == wish.fingerprint and is_open(active):
            return Begun(row, active)
        raise busy()
    _check(row, wish)
    plan = plan_of(wish.plan_id) if wish.plan_id and wish.plan_id != row.plan_id else None
    facts = plan or load_plan_facts(row.runtime.plan_id)
    check_maintenance(wish.maintenance_version, maintenance_version(facts))
    if wish.maintenance_version and not plan and not wish.parameters:
        _refuse_upgrade(row, wish.maintenance_version)
    parameters = wish.parameters or {}
    if row.region and "region" in parameters:
        with_region(parameters, row.region)
    _, operation = update_runtime(
        actor=caller.actor,
        runtime_id=row.runtime_id,
        parameters=parameters or None,
        plan=facts.key if plan else "",
    )
    _keep(row, wish, operation)
    recorded("broker.update", caller, row, plan=facts.key, parameters=dict(parameters))
    return Begun(row, operation)


def _check(row: OsbInstance, wish: UpdateWish) -> None:
    if not was_ready(row.runtime):
        detail = "This instance was never finished; delete it, then order it again."
        raise Refused("instance_not_usable", detail)
    if wish.previous_plan_id not in {None, row.plan_id, wish.plan_id}:
        raise busy("The instance has another plan by now than previous_values says; read it again.")
    if wish.context is None:
        return
    organization = wish.context.get("organization_guid", row.organization)
    if platform_of(wish.context) not in {"", row.platform} or (
        row.platform == "cloudfoundry" and organization != row.organization
    ):
        detail = "An instance can't move to another organisation; create a new one there."
        raise Refused("organization_changed", detail)


def _refuse_upgrade(row: OsbInstance, version: str) -> None:
    if row.runtime.spec["release"]["key"] != version:
        detail = "Runtimes are brought to new releases by the platform's rollouts, inside their maintenance windows."
        raise Refused("upgrade_unsupported", detail)


def _keep(row: OsbInstance, wish: UpdateWish, operation: Any) -> None:
    """Keep what was accepted: each parameter given replaces the old one, null takes it back."""
    merged = {**row.parameters, **(wish.parameters or {})}
    row.parameters = {key: value for key, value in merged.items() if value is not None}
    row.plan_id = wish.plan_id or row.plan_id
    row.context = dict(wish.context) if wish.context is not None else row.context
    if operation is not None:
        row.operation, row.asked = operation, wish.fingerprint
    row.save(update_fields=["parameters", "plan_id", "context", "operation", "asked"])
