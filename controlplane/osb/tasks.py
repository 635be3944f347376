"""The thin Celery shell."""

from __future__ import annotations

from celery import shared_task

from controlplane.osb.unbinding import MOST, revoke_due


@shared_task(name="nesoi.revoke-bindings", ignore_result=True)
def revoke_bindings() -> None:
    """End what is due, hand by hand."""
    while revoke_due() >= MOST:
        pass
