"""Bindings: a service account of its own in the runtime, whose short-lived kubeconfig is handed on and never kept.

Asked for again, the same account gets another token. Nothing is awaited inside a transaction: a row says what is being granted
before the landscape is asked. Only one request at a time grants a binding that does not stand yet, and has until `due_at` for it:
of whatever fails or dies in between the sweep ends what may have been made, unless the platform asks again first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import FieldError, Refused
from controlplane.kernel.ids import uuid7
from controlplane.kernel.sentences import find_faults
from controlplane.osb.callers import Caller
from controlplane.osb.instances import latest, lock_instance, present, recorded, under_way, was_ready
from controlplane.osb.models import BindingState, OsbBinding, OsbInstance
from controlplane.osb.offer import binding_schema, check_service
from controlplane.osb.refusals import busy, conflict, malformed, not_found
from controlplane.osb.unbinding import AGAIN
from controlplane.osb.wishes import BindWish
from provisioner.drivers.base import Kubeconfig, Role
from provisioner.lifecycle.access import grant_access
from provisioner.lifecycle.kubeconfig import SHORTEST

LIVE = ~Q(state=BindingState.GONE)
_OUR_FAULT = 500


@dataclass(frozen=True)
class Bound:
    """A binding with what it signs in with; `created` unless it was there before."""

    binding: OsbBinding
    kubeconfig: Kubeconfig
    created: bool


def bind(*, caller: Caller, instance_id: str, binding_id: str, wish: BindWish) -> Bound:
    """Return the binding and its credentials; outside of any transaction.

    Raises Refused: malformed_request 400, not_found 404, conflict 409, concurrency_error 422, binding_limit_reached 422, and what
    `grant_access` refuses.
    """
    binding, fresh = _claim(caller, instance_id, binding_id, wish)
    created = binding.state == BindingState.GRANTING
    try:
        kubeconfig = _granted(caller, binding)
    except Refused as refusal:
        if created:
            _let_go(binding, nothing_was_begun=fresh and refusal.status < _OUR_FAULT)
        raise
    if created:
        _bound(binding, kubeconfig)
    return Bound(binding, kubeconfig, created)


def fetch_binding(*, caller: Caller, instance_id: str, binding_id: str) -> Bound:
    """Return the binding with freshly minted credentials; raises Refused: not_found 404 while it is not in force."""
    row = present(caller, instance_id)
    binding = row and _live(row, binding_id)
    if not binding or binding.state != BindingState.BOUND or binding.expires_at <= utcnow():
        raise not_found("service binding")
    return Bound(binding, _granted(caller, binding), created=False)


def binding_state(*, caller: Caller, instance_id: str, binding_id: str) -> str:
    """Return the state of the binding; everything here is synchronous, so it is seldom asked. Raises Refused: not_found 404."""
    row = latest(caller, instance_id)
    binding = row and OsbBinding.objects.filter(instance=row, binding_id=binding_id).order_by("-id").first()
    if not binding:
        raise not_found("service binding")
    return str(binding.state)


@transaction.atomic
def _claim(caller: Caller, instance_id: str, binding_id: str, wish: BindWish) -> tuple[OsbBinding, bool]:
    """Return the binding, to be granted by nobody else meanwhile where it does not stand; and whether it is a new one."""
    lock_instance(caller, instance_id)
    row = present(caller, instance_id)
    if row is None:
        raise not_found("service instance")
    wish = _from_predecessor(row, wish)
    check_service(wish.service_id)
    there = _live(row, binding_id)
    if there is not None:
        return _same(there, wish), False
    if wish.plan_id != row.plan_id:
        raise malformed("plan_id is not the plan of this service instance.", field="plan_id")
    schema = binding_schema(row.runtime.plan_id)
    _check_parameters(schema, wish.parameters)
    if not was_ready(row.runtime) or under_way(row) is not None:
        raise busy()
    if OsbBinding.objects.filter(LIVE, instance=row).count() >= settings.OSB_MOST_BINDINGS:
        detail = f"An instance has at most {settings.OSB_MOST_BINDINGS} bindings at once; delete one that is not used."
        raise Refused("binding_limit_reached", detail)
    ttl = wish.parameters.get("ttl_seconds", schema["properties"]["ttl_seconds"]["default"])
    return _inserted(caller, row, binding_id, wish, int(ttl)), True


def _inserted(caller: Caller, row: OsbInstance, binding_id: str, wish: BindWish, ttl: int) -> OsbBinding:
    expires_at = utcnow() + timedelta(seconds=ttl)
    key = uuid7()
    binding: OsbBinding = OsbBinding.objects.create(
        id=key,
        tenant_id=row.tenant_id,
        instance=row,
        binding_id=binding_id,
        service_id=wish.service_id,
        plan_id=wish.plan_id,
        parameters=dict(wish.parameters),
        role=wish.parameters.get("role", Role.EDIT.value),
        ttl_seconds=ttl,
        service_account=f"osb-{key.hex}",
        predecessor=wish.predecessor,
        expires_at=expires_at,
        due_at=utcnow() + AGAIN,
    )
    recorded(
        "broker.bind", caller, row, binding_id=binding_id, role=binding.role, predecessor=wish.predecessor
    )
    return binding


def _from_predecessor(row: OsbInstance, wish: BindWish) -> BindWish:
    """Return the wish with everything that a rotation takes from the binding before it."""
    if not wish.predecessor:
        return wish
    before = _live(row, wish.predecessor)
    if before is None or before.state != BindingState.BOUND or before.expires_at <= utcnow():
        detail = "predecessor_binding_id names no binding of this instance that is still good."
        raise malformed(detail, field="predecessor_binding_id")
    return BindWish(before.service_id, before.plan_id, before.parameters, wish.predecessor)


def _same(there: OsbBinding, wish: BindWish) -> OsbBinding:
    wanted = (wish.service_id, wish.plan_id, dict(wish.parameters), wish.predecessor)
    if wanted != (there.service_id, there.plan_id, there.parameters, there.predecessor):
        raise conflict(f"Service binding {there.binding_id} exists with other attributes.")
    if there.state == BindingState.REVOKING:
        raise busy("This binding is being deleted.")
    if there.expires_at <= utcnow():
        raise conflict(f"Service binding {there.binding_id} has expired; create one with another id.")
    if there.state == BindingState.GRANTING:
        _take_over(there)
    return there


def _take_over(binding: OsbBinding) -> None:
    """Go on where another request failed or died; raises Refused concurrency_error while it may still be granting."""
    due_at = utcnow() + AGAIN
    rows = OsbBinding.objects.filter(pk=binding.pk, state=BindingState.GRANTING, due_at__lte=utcnow())
    if not rows.update(due_at=due_at):
        raise busy("This binding is being made by another request.")
    binding.due_at = due_at


def _let_go(binding: OsbBinding, *, nothing_was_begun: bool) -> None:
    """Forget the binding, or leave it to whoever asks again or to the sweep; unless another request has it by now."""
    rows = OsbBinding.objects.filter(pk=binding.pk, state=BindingState.GRANTING, due_at=binding.due_at)
    if nothing_was_begun:
        rows.delete()
    else:
        rows.update(due_at=utcnow())


def _check_parameters(schema: Mapping[str, Any], parameters: Any) -> None:
    faults = find_faults(schema, parameters, root="parameters")
    if faults:
        errors = [FieldError(".".join(map(str, fault.path)), fault.code, fault.detail) for fault in faults]
        raise Refused(errors[0].code, " ".join(error.detail for error in errors[:5]), errors=errors)


def _granted(caller: Caller, binding: OsbBinding) -> Kubeconfig:
    # A token lives ten minutes at least; the account behind it ends with the binding all the same.
    left = max(binding.expires_at - utcnow(), SHORTEST)
    return grant_access(
        actor=caller.actor,
        runtime_id=binding.instance.runtime_id,
        name=binding.service_account,
        role=Role(binding.role),
        ttl=left,
    )


def _bound(binding: OsbBinding, kubeconfig: Kubeconfig) -> None:
    """Say that it stands, unless it was deleted meanwhile; its time is never longer than what the cluster granted."""
    expires_at = min(binding.expires_at, kubeconfig.expires_at)
    rows = OsbBinding.objects.filter(pk=binding.pk, state__in=[BindingState.GRANTING, BindingState.BOUND])
    if not rows.update(state=BindingState.BOUND, expires_at=expires_at, due_at=expires_at):
        # What was granted behind the delete's back must go as well.
        OsbBinding.objects.filter(pk=binding.pk).update(state=BindingState.REVOKING, due_at=utcnow())
        raise busy("This binding was deleted while it was being made.")
    binding.expires_at, binding.state = expires_at, BindingState.BOUND


def _live(row: OsbInstance, binding_id: str) -> OsbBinding | None:
    found: OsbBinding | None = (
        OsbBinding.objects.filter(LIVE, instance=row, binding_id=binding_id)
        .select_related("instance__runtime")
        .first()
    )
    return found
