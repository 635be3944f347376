"""What a trial's own people do with it: extend it once, keep its runtime with a paid plan."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q

from controlplane.catalog.facts import list_plan_facts, load_plan_facts
from controlplane.catalog.plans import PlanFacts
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import SYSTEM, Actor, Permission
from controlplane.tenants.suspension import refuse_suspended
from controlplane.trials.bounds import set_free
from controlplane.trials.models import SignUp, Trial
from controlplane.trials.states import Stage
from controlplane.trials.terms import terms
from provisioner.lifecycle.resume import resume_runtime
from provisioner.lifecycle.update import update_runtime
from provisioner.runtimes.phases import Suspension

CONVERTIBLE = (Stage.ACTIVE, Stage.EXPIRED, Stage.SUSPENDED)


@transaction.atomic
def extend_trial(*, actor: Actor, trial_id: UUID) -> Trial:
    """Give an active trial its one extension; raises Refused: trial_not_found, forbidden, trial_not_extendable 409."""
    trial = _own(actor, trial_id)
    refuse_suspended(trial.tenant)
    more, now = terms().extension, utcnow()
    runs = Q(expires_at__gt=now) | Q(held_since__isnull=False)
    may = Trial.objects.filter(runs, pk=trial.pk, stage=Stage.ACTIVE, extended_at__isnull=True)
    if not more or may.update(
        extended_at=now, expires_at=F("expires_at") + more, reminded_days=None, next_at=now
    ) != 1:  # fmt: skip
        detail = "A trial can be extended once, while it runs. To keep its runtime, choose a paid plan."
        raise Refused("trial_not_extendable", detail, status=409)
    _told("trial.extend", actor, trial, {"days": more.days})
    trial.refresh_from_db()
    return trial


def paid_plans(trial: Trial) -> Sequence[PlanFacts]:
    """Return the plans that can keep the trial's runtime: of the same provider and kind of landscape, with its region."""
    own = load_plan_facts(trial.plan)
    return [
        plan
        for plan in list_plan_facts()
        if plan.key not in {trial.plan, "free"}
        and (plan.provider, plan.landscape_kind) == (own.provider, own.landscape_kind)
        and plan.region(trial.region)
    ]


@transaction.atomic
def convert_trial(*, actor: Actor, trial_id: UUID, plan: str) -> Trial:
    """Keep the runtime with a paid plan; a suspended one is resumed.

    Raises Refused: trial_not_found, forbidden, trial_not_convertible 409, plan_unknown, and what changing the plan refuses.
    """
    trial = _own(actor, trial_id)
    refuse_suspended(trial.tenant)
    if trial.stage not in CONVERTIBLE or trial.runtime_id is None:
        detail = "Only a trial whose runtime stands or is suspended can be converted; look at it again later."
        raise Refused("trial_not_convertible", detail, status=409)
    if plan not in {facts.key for facts in paid_plans(trial)}:
        known = ", ".join(facts.key for facts in paid_plans(trial)) or "none here; write to us"
        raise Refused("plan_unknown", f"plan must be one that can keep the runtime: {known}.", field="plan")
    now = utcnow()
    still = Trial.objects.filter(pk=trial.pk, stage=trial.stage)
    if still.update(
        stage=Stage.CONVERTED, ended_at=now, next_at=None, held_since=None, problem="", failures=0
    ) != 1:  # fmt: skip
        raise Refused("trial_moved", "Somebody else has just changed this trial; look again.", status=409)
    set_free(trial.tenant)
    update_runtime(actor=actor, runtime_id=trial.runtime_id, plan=plan)
    if trial.runtime is not None and Suspension.TRIAL in trial.runtime.suspended_for:
        resume_runtime(actor=SYSTEM, runtime_id=trial.runtime_id, reason=Suspension.TRIAL)
    SignUp.objects.filter(trial=trial).update(address="", network="")
    _told("trial.convert", actor, trial, {"plan": plan})
    trial.refresh_from_db()
    return trial


def _own(actor: Actor, trial_id: UUID) -> Trial:
    rows = Trial.objects.select_for_update(of=("self",)).select_related("tenant", "owner", "runtime")
    trial: Trial | None = rows.filter(pk=trial_id).first()
    if trial is None or not actor.may(Permission.READ, tenant_id=trial.tenant_id):
        raise Refused("trial_not_found", f"There is no trial {trial_id}.", status=404)
    if not actor.may(Permission.TRIAL_CHANGE, tenant_id=trial.tenant_id):
        raise Refused(
            "forbidden", "Only admins and owners change a trial; ask one of your tenant.", status=403
        )
    return trial


def _told(action: str, actor: Actor, trial: Trial, changes: dict[str, object]) -> None:
    audit.record(
        action,
        actor=actor,
        tenant_id=trial.tenant_id,
        target_type="trial",
        target_id=trial.id,
        changes=changes,
    )
