"""The thin Celery shell."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task
from django.conf import settings

from provisioner.drivers import registry
from provisioner.operations import sweeping, transport
from provisioner.operations.runner import Runner

WORK_SECONDS = 1.0  # one permit works about so long: the message's cost is shared by what it finds


@shared_task(name=transport.ADVANCE, ignore_result=True, time_limit=2 * settings.LEASE_SECONDS)
def advance(operation_id: str) -> None:
    """Work off what is due, fairest first; `operation_id` only says whose wish sent this."""
    runner = Runner(connect=registry.connect, promoted=transport.send)
    if runner.work(WORK_SECONDS):
        transport.send(UUID(operation_id))


@shared_task(name="nesoi.sweep", ignore_result=True)
def sweep() -> None:
    """Heal what was lost; any number of copies may run."""
    sweeping.sweep()
