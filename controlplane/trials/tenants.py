"""Which tenants only try us out."""

from __future__ import annotations

from uuid import UUID

from controlplane.trials.models import Trial
from controlplane.trials.states import Stage


def on_trial(tenant_id: UUID) -> bool:
    """Whether a tenant came by a trial and has taken no paid plan since; rides on trial_of_tenant."""
    newest = Trial.objects.filter(tenant=tenant_id).order_by("-pk").values_list("stage", flat=True).first()
    return newest not in {None, Stage.CONVERTED}
