"""The thin Celery shell."""

from __future__ import annotations

from celery import shared_task

from provisioner.lifecycle import following, inspections


@shared_task(name="nesoi.standing", ignore_result=True)
def standing() -> None:
    """Bring runtimes to where their tenants and accounts stand; any number of copies may run."""
    following.tick()


@shared_task(name="nesoi.inspect-modules", ignore_result=True)
def inspect_modules() -> None:
    """Look at runtimes' modules whose turn it is; any number of copies may run."""
    inspections.tick()
