"""Resume a suspended runtime once nothing holds it any more."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from controlplane.catalog.facts import load_plan_facts
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor
from controlplane.tenants.suspension import refuse_suspended
from provisioner.lifecycle.admission import locked_runtime, write
from provisioner.lifecycle.quota import QUOTA_COLUMNS, count, counted, refuse_growth, wanted_size
from provisioner.lifecycle.suspend import needed, newest, refuse_deprovisioning, suspension, told
from provisioner.operations.models import Operation
from provisioner.operations.moves import Slot
from provisioner.operations.services import open_operation
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind, Phase, Suspension
from provisioner.steps.base import REBUILD

HELD_BY = {
    Suspension.WISH: "your own people's wish",
    Suspension.TENANT: "the suspension of your tenant",
    Suspension.ACCOUNT: "the suspension of its account",
    Suspension.TRIAL: "the end of its trial: convert it to a paid plan",
    Suspension.PAYMENT: "a payment that is due: contact support",
    Suspension.QUOTA: "your tenant's quota, which it does not fit into any more: make room or ask for more, then resume it",
}
OWN = frozenset({Suspension.WISH, Suspension.QUOTA})  # what its tenant's people resume it from
FOLLOWS = frozenset(
    {Suspension.TENANT, Suspension.ACCOUNT}
)  # nobody waits for the answer: the row must say why it rests


@transaction.atomic
def resume_runtime(
    *, actor: Actor, runtime_id: Any, reason: str = "", expected_revision: int | None = None
) -> Operation:
    """Take one reason back, and return the operation that resumes the runtime, or the one that did.

    While another reason holds it, the tenant's own people are refused; for the platform, the suspension's operation comes back.
    What does not fit into its tenant's quota any more is refused; where it only follows its tenant or account, it is held for
    that (`Suspension.QUOTA`) until its people resume it. Raises Refused.
    """
    why = suspension(reason)
    runtime = locked_runtime(
        actor=actor, permission=needed(actor, why), runtime_id=runtime_id, revision=expected_revision
    )
    refuse_deprovisioning(runtime)
    given = why in runtime.suspended_for
    left = [held for held in runtime.suspended_for if held not in {why, Suspension.QUOTA}]
    if why is Suspension.WISH:
        refuse_suspended(runtime.tenant, runtime.account)
        if left:
            raise _held(runtime, left)
    runtime.suspended_for = left
    if left:
        return _still_held(actor, runtime, why, given=given)
    if (awake := _awake(runtime)) is not None:
        return awake
    given_input: dict[str, Any] = {"reason": why.value}
    if runtime.cluster_spec.get("destroyed"):
        given_input[REBUILD] = True
    resting = runtime.cluster_spec
    runtime.cluster_spec = {**resting, "hibernated": False, "destroyed": False}
    if not _take_back(runtime, why):
        runtime.cluster_spec, runtime.suspended_for = resting, [Suspension.QUOTA.value]
        return _still_held(actor, runtime, why, given=True)
    runtime.generation += 1
    write(runtime, "suspended_for", "cluster_spec", "generation", *QUOTA_COLUMNS)
    operation = open_operation(actor=actor, runtime=runtime, kind=Kind.RESUME, input=given_input)
    told("runtime.resume", actor, runtime, why)
    return operation


def _take_back(runtime: Runtime, why: Suspension) -> bool:
    """Count its capacity again, if it fits; False where it does not and nobody asked for it by name. Raises Refused 403."""
    facts = load_plan_facts(runtime.plan_id)
    size = wanted_size(runtime, facts)
    try:
        refuse_growth(runtime, facts, size - counted(runtime))
    except Refused:
        if why not in FOLLOWS:
            raise
        return False
    count(runtime, size)
    return True


def resumable(runtime: Runtime) -> bool:
    """Whether its tenant's people may ask for it to be resumed: they wished it asleep, or nothing holds it and yet it rests."""
    if runtime.suspended_for:
        return not OWN.isdisjoint(runtime.suspended_for)
    return _stranded(runtime)


def _stranded(runtime: Runtime) -> bool:
    """Whether it rests, or will, though nothing holds it any more: the operation that was to wake it was cancelled."""
    if runtime.suspended_for or runtime.phase not in {Phase.SUSPENDED, Phase.SUSPENDING, Phase.FAILED}:
        return False
    rows = Operation.objects.filter(runtime=runtime)
    open_now = list(rows.filter(slot__isnull=False).values_list("slot", "kind"))
    if open_now:
        return open_now == [(Slot.ACTIVE, Kind.SUSPEND)]
    begun = rows.filter(started_at__isnull=False).order_by("-id").values_list("kind", flat=True).first()
    return runtime.phase == Phase.SUSPENDED or begun == Kind.SUSPEND


def held_by(runtime: Runtime) -> str:
    """Return what keeps the runtime suspended, in words for its tenant; empty for one that stands."""
    return _names(runtime.suspended_for)


def _names(reasons: list[str]) -> str:
    return " and ".join(HELD_BY[Suspension(reason)] for reason in reasons)


def _held(runtime: Runtime, left: list[str]) -> Refused:
    detail = f"Runtime {runtime.name} stays suspended because of {_names(left)}."
    return Refused("runtime_held", detail, status=409)


def _still_held(actor: Actor, runtime: Runtime, why: Suspension, *, given: bool) -> Operation:
    if given:
        write(runtime, "suspended_for")
        told("runtime.resume", actor, runtime, why)
    holding = newest(runtime, Kind.SUSPEND)
    if holding is None:
        raise _held(runtime, runtime.suspended_for)
    return holding


def _awake(runtime: Runtime) -> Operation | None:
    """Return the operation that resumes the runtime now, or did; None when one is needed."""
    cluster = runtime.cluster_spec
    if cluster.get("hibernated") or cluster.get("destroyed"):
        return None
    if _stranded(runtime):
        return None
    last = newest(runtime, Kind.RESUME)
    under_way = last is not None and last.slot is not None
    if last is None or not (under_way or runtime.phase in {Phase.READY, Phase.FAILED}):
        detail = f"Runtime {runtime.name} is not suspended; it is {runtime.phase}."
        raise Refused("runtime_not_suspended", detail, status=409)
    failed = runtime.phase == Phase.FAILED and newest(runtime, *Kind) == last
    return None if failed and not under_way else last
