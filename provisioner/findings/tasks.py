"""The thin Celery shell."""

from __future__ import annotations

from celery import shared_task

from provisioner.findings import visiting


@shared_task(name="nesoi.find", ignore_result=True)
def find() -> None:
    """Look at runtimes whose turn it is; any number of copies may run."""
    visiting.tick()


@shared_task(name="nesoi.enrol_findings", ignore_result=True)
def enrol(*, everyone: bool = False) -> None:
    """Begin to look at runtimes that became ready lately; once an hour at everyone whom that has missed."""
    visiting.enrol(everyone=everyone)
