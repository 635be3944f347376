"""The thin Celery shell."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from billing.costs import checking, finding
from controlplane.kernel.clock import utcnow


@shared_task(name="nesoi.costs", ignore_result=True)
def costs() -> None:
    """Look at the budgets whose turn it is, and at the days that came out different; cheap while nothing is due."""
    checking.check_budgets()
    finding.find_anomalies()


@shared_task(name="nesoi.check_budget", ignore_result=True)
def check_budget(tenant: str, budget: str) -> None:
    """Look at a budget that was just made or changed; one that is gone meanwhile is nobody's."""
    checking.check_tenant(tenant_id=UUID(tenant), budgets=[UUID(budget)], now=utcnow())
