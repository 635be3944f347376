"""Give a trial its place: order its runtime, or let it wait; called with the capacity locked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.notices.services import notify
from controlplane.tenants.access import Actor, Role
from controlplane.trials.bounds import give_a_place
from controlplane.trials.models import Trial
from controlplane.trials.states import Stage
from controlplane.trials.terms import terms
from provisioner.lifecycle.create import create_runtime

log = structlog.get_logger(__name__)

ACCOUNT = "trial"
FIRST_LOOK = timedelta(seconds=10)


def owner_of(trial: Trial) -> Actor:
    """Return the trial's owner as services know them."""
    return Actor(
        name=trial.owner.get_username(),
        role=Role.OWNER,
        tenant_id=trial.tenant_id,
        user_id=trial.owner_id,
    )


def start_trial(trial: Trial) -> bool:
    """Order the runtime of a waiting trial; False when that is refused, and the trial goes on waiting with the reason."""
    now = utcnow()
    waiting = Trial.objects.filter(pk=trial.pk, stage=Stage.WAITING)
    try:
        with transaction.atomic():
            give_a_place(trial.tenant)
            operation = create_runtime(
                actor=owner_of(trial),
                tenant=trial.tenant,
                account=ACCOUNT,
                name="trial",
                plan=trial.plan,
                parameters={"region": trial.region},
                labels={"trial": str(trial.id)},
            )
            started = waiting.update(
                stage=Stage.PROVISIONING, runtime=operation.runtime, started_at=now, problem="", failures=0,
                expires_at=now + terms().length, next_at=now + FIRST_LOOK,
            )  # fmt: skip
            if started != 1:
                raise Refused("trial_not_waiting", "The trial does not wait any more.", status=409)
    except Refused as refusal:
        log.warning("trial_not_started", trial=str(trial.id), code=refusal.code, reason=refusal.detail)
        waiting.update(problem=refusal.detail[:300])
        return False
    trial.refresh_from_db()
    return True


def write_to(trial: Trial, kind: str, *, path: str = "/trial/mine", key: str = "", **words: Any) -> None:
    """Announce something to the trial's owner, once per kind (and `key`)."""
    context: Mapping[str, Any] = {"link": f"{settings.PUBLIC_URL}{path}", **words}
    notify(
        to=trial.email, kind=kind, context=context, tenant_id=trial.tenant_id,
        dedupe_key=f"trial:{trial.id}:{kind}:{key}",
    )  # fmt: skip
