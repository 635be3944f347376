"""The thin Celery shell."""

from __future__ import annotations

from celery import shared_task
from django.db import connection

from provisioner.observer import orphans, queries


@shared_task(name="nesoi.audit", ignore_result=True)
def audit() -> None:
    """Compare the landscapes whose turn it is with the database; cheap while it is nobody's."""
    orphans.audit_due()
    with connection.cursor() as cursor:
        cursor.execute(queries.FORGET_DRIFT)
