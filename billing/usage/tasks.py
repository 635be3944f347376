"""The thin Celery shell."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings

from billing.usage import closing, days, hours, partitions


@shared_task(name="nesoi.usage", ignore_result=True)
def usage() -> None:
    """Look after partitions, close what is over, make hours and days of what changed; cheap while nothing did."""
    partitions.make_ahead()
    closing.close_hours()
    try:
        hours.roll_up(company=_ask_another)
    finally:  # an hour that can't be made holds up no day
        days.roll_up_days()


def _ask_another() -> None:
    usage_hours.apply_async(retry=False, expires=settings.USAGE_TICK_SECONDS)


@shared_task(name="nesoi.usage_hours", ignore_result=True)
def usage_hours() -> None:
    """Make hours beside the one who asked: each is made by whoever comes to it first."""
    hours.roll_up()


@shared_task(name="nesoi.usage_retention", ignore_result=True)
def usage_retention() -> None:
    """Drop samples and hours that are older than their retention and that no open month needs."""
    partitions.drop_old()
    partitions.drop_old_hours()
