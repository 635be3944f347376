"""The thin Celery shell."""

from __future__ import annotations

from celery import shared_task

from controlplane.tenants.audit.noting import note_new_heads
from controlplane.tenants.audit.sealing import seal_new_rows
from controlplane.tenants.audit.shipping import ship_due


@shared_task(name="nesoi.seal_audit", ignore_result=True)
def seal_audit() -> None:
    """Seal what was written since the last beat, and note the new heads elsewhere; two beats at once do it once."""
    seal_new_rows()
    note_new_heads()


@shared_task(name="nesoi.ship_audit", ignore_result=True)
def ship_audit() -> None:
    """Write the exports that somebody asked for."""
    ship_due()
