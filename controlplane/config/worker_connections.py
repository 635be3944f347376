"""How a worker's processes keep their connections to PostgreSQL from one task to the next.

Celery's own way ends the pool and its connection before and after every task. A task of ours takes about a second, and a new
connection costs the two of them ten to forty milliseconds of processor: a fork, the catalogue read anew, each hot statement
planned anew. So a task gives its connection back, and the next one takes it after a look whether it still answers.
"""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.signals import task_postrun, task_prerun, worker_process_init
from django.db import connections

TASKS_A_POOL = 10_000  # then Celery ends it once: no process keeps one for ever


def keep_connections(app: Celery) -> None:
    """Have the processes of this application's workers keep their pools."""
    # Read under this very name by celery.fixups.django.
    app.conf.update({"CELERY_DB_REUSE_MAX": TASKS_A_POOL})
    worker_process_init.connect(look_before_use)
    task_prerun.connect(give_back)
    task_postrun.connect(give_back)


def look_before_use(**_: Any) -> None:
    """Have a kept connection asked whether it is alive when it is taken: PostgreSQL may have been restarted."""
    for connection in connections.all():
        connection.settings_dict["CONN_HEALTH_CHECKS"] = True


def give_back(sender: Any = None, **_: Any) -> None:
    """Return this thread's connections to the pool; one that broke, or was left in the middle of something, is ended there."""
    if not getattr(sender.request, "is_eager", False):
        for connection in connections.all(initialized_only=True):
            connection.close()
