"""The thin Celery shell."""

from __future__ import annotations

from celery import shared_task
from django.db import connection

from provisioner.observer import orphans, queries


@shared_task(name="nesoi.audit", ignore_result=True)
def audit() -> None:
    """Compare every landscape with the database; two copies at once only do it twice."""
    orphans.audit_all()
    with connection.cursor() as cursor:
        cursor.execute(queries.FORGET_DRIFT)
