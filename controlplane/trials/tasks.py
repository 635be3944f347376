"""The thin Celery shell."""

from __future__ import annotations

from celery import shared_task

from controlplane.trials import ticking, transport


@shared_task(name=transport.TICK, ignore_result=True)
def trials() -> None:
    """Do what is due; a full hand asks for another one."""
    if ticking.tick() >= ticking.MOST:
        transport.send()
