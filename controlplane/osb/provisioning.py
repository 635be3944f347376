"""Provision: a service instance becomes a runtime; asked again, the same answer."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from django.db import transaction

from controlplane.kernel.errors import Refused
from controlplane.osb.callers import Caller, account_for, organization_of, platform_of
from controlplane.osb.instances import (
    Begun,
    bury,
    is_gone,
    is_open,
    latest,
    lock_instance,
    recorded,
    was_ready,
)
from controlplane.osb.models import OsbInstance
from controlplane.osb.offer import check_service, maintenance_version, plan_of
from controlplane.osb.refusals import async_required, busy, conflict, malformed
from controlplane.osb.wishes import ProvisionWish
from provisioner.lifecycle.create import create_runtime
from provisioner.operations.models import Operation
from provisioner.runtimes.phases import Kind

LABEL = "osb-instance"
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


@transaction.atomic
def provision(*, caller: Caller, instance_id: str, wish: ProvisionWish, asynchronous: bool) -> Begun:
    """Return the instance with the operation that builds it, or without one when it stands already, just so.

    Raises Refused: malformed_request 400, async_required 422, maintenance_info_conflict 422, conflict 409, and whatever the
    provisioner refuses.
    """
    check_service(wish.service_id)
    if not asynchronous:
        raise async_required()
    lock_instance(caller, instance_id)
    row = latest(caller, instance_id)
    if row is not None and not is_gone(row):
        return _again(caller, row, wish)
    bury(row)
    facts = plan_of(wish.plan_id, region=caller.region)
    check_maintenance(wish.maintenance_version, maintenance_version(facts))
    operation = create_runtime(
        actor=caller.actor,
        tenant=caller.owner(),
        account=account_for(caller, wish).slug,
        name=runtime_name(caller, instance_id, wish),
        plan=facts.key,
        parameters=with_region(wish.parameters, caller.region),
        labels={LABEL: instance_id} if _LABEL_VALUE.fullmatch(instance_id) else {},
    )
    row = _inserted(caller, instance_id, wish, operation)
    recorded("broker.provision", caller, row, plan=facts.key, runtime=str(operation.runtime_id))
    return Begun(row, operation)


def _inserted(caller: Caller, instance_id: str, wish: ProvisionWish, operation: Operation) -> OsbInstance:
    row: OsbInstance = OsbInstance.objects.create(
        tenant=caller.owner(),
        realm=caller.realm,
        instance_id=instance_id,
        credential_id=caller.platform.credential_id,
        runtime=operation.runtime,
        service_id=wish.service_id,
        plan_id=wish.plan_id,
        parameters=dict(wish.parameters),
        context=dict(wish.context),
        platform=platform_of(wish.context),
        organization=organization_of(wish),
        space=wish.space,
        region=caller.region,
        operation=operation,
    )
    return row


def _again(caller: Caller, row: OsbInstance, wish: ProvisionWish) -> Begun:
    """Answer a request for an id that is taken."""
    wanted = [
        wish.service_id,
        wish.plan_id,
        organization_of(wish),
        wish.space,
        wish.parameters,
        caller.region,
    ]
    there = [row.service_id, row.plan_id, row.organization, row.space, row.parameters, row.region]
    if _said(wanted) != _said(there):
        raise conflict(f"Service instance {row.instance_id} exists with other attributes.")
    if is_open(row.operation) and row.operation.kind == Kind.DEPROVISION:
        raise busy("This instance is being deleted.")
    if is_open(row.operation) and row.operation.kind == Kind.PROVISION:
        return Begun(row, row.operation)
    if was_ready(row.runtime):
        return Begun(row, None)
    if is_open(row.operation):
        return Begun(row, row.operation)
    raise conflict(f"Provisioning {row.instance_id} failed; delete the instance, then order it again.")


def _said(value: Any) -> str:
    # By their JSON, since Python holds True and 1 for equal.
    return json.dumps(value, sort_keys=True)


def check_maintenance(asked: str | None, offered: str | None) -> None:
    """Raise Refused 422 when the platform has another version in mind than the catalog offers now."""
    if asked is not None and asked != offered:
        detail = f"maintenance_info.version is {offered} in the catalog now; fetch the catalog again."
        raise Refused("maintenance_info_conflict", detail)


def with_region(parameters: Any, region: str) -> dict[str, Any]:
    """Return the parameters with the region that the address fixes; raises Refused 400 when they name another one."""
    if not region:
        return dict(parameters)
    if parameters.get("region", region) != region:
        detail = (
            f"This broker address is region {region}'s, and parameters.region names another one; "
            "leave it out, or use the address of that region."
        )
        raise malformed(detail, field="parameters.region")
    return {**parameters, "region": region}


def runtime_name(caller: Caller, instance_id: str, wish: ProvisionWish) -> str:
    """Return a name that people know again and that no other instance of the tenant gets: at most 40 characters."""
    given = wish.context.get("instance_name")
    text = re.sub(r"[^a-z0-9]+", "-", given.lower()).strip("-") if isinstance(given, str) else ""
    digest = hashlib.sha256(f"{caller.realm}:{instance_id}".encode()).hexdigest()[:8]
    stem = text[:31].strip("-") if text[:1].isalpha() else ""
    return f"{stem or 'instance'}-{digest}"
