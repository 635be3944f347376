"""The countdown of a trial, wherever its people look."""

from __future__ import annotations

from typing import Any

from django import template

from controlplane.console.presenters.trials import countdown_of
from controlplane.kernel.clock import utcnow
from controlplane.tenants.models import Tenant
from controlplane.trials.models import LIVE_STAGES, Trial
from provisioner.runtimes.models import Runtime

register = template.Library()


@register.inclusion_tag("console/trial/_countdown.html")
def trial_countdown(tenant: Tenant | None, runtime: Runtime | None = None) -> dict[str, Any]:
    """One line about the tenant's live trial, on the page of a runtime only when that is its own."""
    if tenant is None:
        return {"countdown": None}
    rows = Trial.objects.filter(tenant=tenant, stage__in=LIVE_STAGES)
    trial = (rows.filter(runtime=runtime) if runtime else rows).order_by("-id").first()
    return {"countdown": countdown_of(trial, utcnow()) if trial else None}
