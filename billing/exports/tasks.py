"""The thin Celery shell."""

from __future__ import annotations

from celery import shared_task

from billing.exports.announcing import announce
from billing.exports.bills.asking import import_due
from billing.exports.bills.schedule import look_due
from billing.exports.calendar import ask_due
from billing.exports.services import write_due


@shared_task(name="nesoi.focus_calendar", ignore_result=True)
def focus_calendar() -> None:
    """Ask for what the calendar wants."""
    ask_due()


@shared_task(name="nesoi.focus", ignore_result=True)
def focus() -> None:
    """Write the exports that are due."""
    write_due()


@shared_task(name="nesoi.provider_bills", ignore_result=True)
def provider_bills() -> None:
    """Look for providers' bills."""
    look_due()


@shared_task(name="nesoi.bill_imports", ignore_result=True)
def bill_imports() -> None:
    """Read the bills that people asked for."""
    import_due()


@shared_task(name="nesoi.announce_charges", ignore_result=True)
def announce_charges() -> None:
    """Tell webhooks of days and statements."""
    announce()
