"""The thin Celery shell."""

from __future__ import annotations

from celery import shared_task

from billing.usage import closing, days, hours, partitions


@shared_task(name="nesoi.usage", ignore_result=True)
def usage() -> None:
    """Look after partitions, close what is over, make hours and days of what changed; cheap while nothing did."""
    partitions.make_ahead()
    closing.close_hours()
    hours.roll_up()
    days.roll_up_days()


@shared_task(name="nesoi.usage_retention", ignore_result=True)
def usage_retention() -> None:
    """Drop samples and hours that are older than their retention and that no open month needs."""
    partitions.drop_old()
    partitions.drop_old_hours()
