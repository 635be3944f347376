"""The thin Celery shell."""

from __future__ import annotations

from celery import shared_task

from billing.footprint import making


@shared_task(name="nesoi.footprint", ignore_result=True)
def footprint() -> None:
    """Make the footprints of days that are over and came out anew; cheap while none did."""
    making.make_days()
