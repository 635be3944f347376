"""The thin Celery shell."""

from __future__ import annotations

from celery import shared_task

from provisioner.lifecycle import expiring, following, inspections, operation_events, upgrade_notices


@shared_task(name="nesoi.standing", ignore_result=True)
def standing() -> None:
    """Bring runtimes to where their tenants and accounts stand; any number of copies may run."""
    following.tick()


@shared_task(name="nesoi.inspect-modules", ignore_result=True)
def inspect_modules() -> None:
    """Look at runtimes' modules whose turn it is; any number of copies may run."""
    inspections.tick()


@shared_task(name="nesoi.expiry", ignore_result=True)
def expiry() -> None:
    """Tell of releases that end, and upgrade by force on their last day; any number of copies may run."""
    expiring.tick()


@shared_task(name="nesoi.mark_expiry", ignore_result=True)
def mark_expiry() -> None:
    """Look for runtimes whose release ends soon."""
    expiring.mark()


@shared_task(name="nesoi.tell_upgrades", ignore_result=True)
def tell_upgrades() -> None:
    """Tell people of upgrades that ended, and those who listen of every operation that did."""
    upgrade_notices.tell_ended()
    operation_events.tell_operations()
