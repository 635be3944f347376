"""The thin Celery shell."""

from __future__ import annotations

from datetime import date, datetime

from celery import shared_task
from django.conf import settings

from billing.statements.closing import draft_open, tick


@shared_task(name="nesoi.statements", ignore_result=True)
def statements() -> None:
    """Draft what changed, seal what is due; cheap while nothing did."""
    tick(company=_ask_another)


def _ask_another(month: date, moment: datetime) -> None:
    statements_beside.apply_async(
        (month.isoformat(), moment.isoformat()), retry=False, expires=settings.STATEMENT_TICK_SECONDS
    )


@shared_task(name="nesoi.statements_beside", ignore_result=True)
def statements_beside(month: str, moment: str) -> None:
    """Draft a month beside the one who asked, from the other end: each tenant's is made by whoever comes to it first."""
    draft_open(date.fromisoformat(month), now=datetime.fromisoformat(moment), beside=True)
