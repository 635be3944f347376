"""The thin Celery shell."""

from __future__ import annotations

from celery import shared_task

from provisioner.rollouts import ticking


@shared_task(name="nesoi.rollouts", ignore_result=True)
def rollouts() -> None:
    """Bring every rollout forward by one look; any number of copies may run."""
    ticking.tick()
