"""What a runtime costs this month, on its page."""

from __future__ import annotations

from typing import Any

from django import template

from billing.costs.breakdown import By, Narrow, figures, sum_of
from billing.costs.months import month_cost, together
from billing.costs.sentences import money
from controlplane.console.presenters.costs import coverage_sentence
from controlplane.console.visitor import Visitor
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission
from provisioner.runtimes.models import Runtime

register = template.Library()


@register.inclusion_tag("console/costs/_runtime_line.html")
def runtime_cost(visitor: Visitor, runtime: Runtime) -> dict[str, Any]:
    """One line for those who may see costs; nothing where no prices hold."""
    if not visitor.may(Permission.COST_READ, runtime.tenant):
        return {}
    now = utcnow()
    try:
        month = month_cost(tenant_id=runtime.tenant_id, moment=now, now=now)
    except Refused:
        return {}
    key = str(runtime.id)
    rows = figures([month], By.RUNTIME, Narrow(runtime=key))
    return {
        "runtime": runtime,
        "cost": money(sum_of(rows), month.currency),
        "known": coverage_sentence(together(life for life in month.lives if life.runtime == key), whose="it"),
        "carried": "" if visitor.tenant else f"?tenant={runtime.tenant.slug}",
    }
