"""The thin Celery shell."""

from __future__ import annotations

from celery import shared_task

from controlplane.notices import transport
from controlplane.notices.delivery import MOST, deliver_due


@shared_task(name=transport.DELIVER, ignore_result=True)
def deliver() -> None:
    """Send what is due; a full hand asks for another one."""
    if deliver_due() >= MOST:
        transport.send()
