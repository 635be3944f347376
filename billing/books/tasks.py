"""The thin Celery shell."""

from __future__ import annotations

from celery import shared_task

from billing.books.asking import rate_due


@shared_task(name="nesoi.what_if", ignore_result=True)
def what_if() -> None:
    """Rate the months that people asked about."""
    rate_due()
