"""The thin Celery shell."""

from __future__ import annotations

from celery import shared_task

from billing.costs import checking, finding


@shared_task(name="nesoi.costs", ignore_result=True)
def costs() -> None:
    """Look at the budgets whose turn it is, and at the days that came out different; cheap while nothing is due."""
    checking.check_budgets()
    finding.find_anomalies()
