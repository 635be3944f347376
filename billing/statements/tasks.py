"""The thin Celery shell."""

from __future__ import annotations

from celery import shared_task

from billing.statements.closing import tick


@shared_task(name="nesoi.statements", ignore_result=True)
def statements() -> None:
    """Draft what changed, seal what is due; cheap while nothing did."""
    tick()
