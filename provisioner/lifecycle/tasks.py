"""The thin Celery shell."""

from __future__ import annotations

from celery import shared_task

from provisioner.lifecycle import following


@shared_task(name="nesoi.standing", ignore_result=True)
def standing() -> None:
    """Bring runtimes to where their tenants and accounts stand; any number of copies may run."""
    following.tick()
