"""The thin Celery shell."""

from __future__ import annotations

from celery import shared_task

from controlplane.notices.delivery import MOST, deliver_due
from controlplane.notices.retention import prune
from controlplane.notices.transport import delivery
from controlplane.notices.webhook_delivery import deliver_webhooks


@shared_task(name=delivery.task, ignore_result=True)
def deliver() -> None:
    """Send what is due; a full hand asks for another one."""
    if deliver_due() >= MOST:
        delivery.send()


@shared_task(name="nesoi.prune_notices", ignore_result=True)
def prune_notices() -> None:
    """Forget what is old."""
    prune()


@shared_task(name="nesoi.deliver_webhooks", ignore_result=True)
def deliver_events() -> None:
    """Send events that are due."""
    deliver_webhooks()
