"""The thin Celery shell."""

from __future__ import annotations

from celery import shared_task

from controlplane.trials import ticking
from controlplane.trials.transport import tick


@shared_task(name=tick.task, ignore_result=True)
def trials() -> None:
    """Do what is due; a full hand asks for another one."""
    if ticking.tick() >= ticking.MOST:
        tick.send()
