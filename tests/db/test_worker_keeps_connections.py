"""A worker's process keeps its connection to PostgreSQL from one task to the next."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ConnectionHandler

from controlplane.config import worker_connections
from controlplane.config.celery import app
from controlplane.config.worker_connections import TASKS_A_POOL, give_back, look_before_use

pytestmark = pytest.mark.django_db

TASK = SimpleNamespace(request=SimpleNamespace(is_eager=False))
EAGER = SimpleNamespace(request=SimpleNamespace(is_eager=True))


def backend(link: BaseDatabaseWrapper) -> int:
    """The PostgreSQL process that answers."""
    with link.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


@pytest.fixture
def pooled(monkeypatch: pytest.MonkeyPatch) -> Iterator[BaseDatabaseWrapper]:
    """A connection of its own to the tests' database, from a pool as workers have it."""
    given = dict(connection.settings_dict)
    pool = {"min_size": 1, "max_size": 1, "timeout": 5}
    own = ConnectionHandler({"default": {**given, "OPTIONS": {**given["OPTIONS"], "pool": pool}}})
    monkeypatch.setattr(worker_connections, "connections", own)
    link: Any = own["default"]
    monkeypatch.setattr(type(link), "_connection_pools", {})
    look_before_use()
    yield link
    link.close()
    link.close_pool()


def test_celery_leaves_the_pool_alone_between_tasks() -> None:
    assert app.conf.get("CELERY_DB_REUSE_MAX") == TASKS_A_POOL


def test_the_next_task_has_the_same_connection(pooled: BaseDatabaseWrapper) -> None:
    first = backend(pooled)
    give_back(sender=TASK)
    assert pooled.connection is None
    assert backend(pooled) == first


def test_a_connection_that_ended_in_a_task_is_not_the_next_ones(pooled: BaseDatabaseWrapper) -> None:
    first = backend(pooled)
    with pooled.cursor() as cursor, pytest.raises(OperationalError):
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    give_back(sender=TASK)
    assert backend(pooled) != first


def test_a_connection_that_ends_while_it_rests_is_replaced_before_the_next_task_notices(
    pooled: BaseDatabaseWrapper,
) -> None:
    first = backend(pooled)
    give_back(sender=TASK)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 1000)", [first])
    assert backend(pooled) != first


def test_a_transaction_that_was_left_open_is_undone(pooled: BaseDatabaseWrapper) -> None:
    with pooled.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("CREATE TEMPORARY TABLE left_open (id int)")
    give_back(sender=TASK)
    with pooled.cursor() as cursor:
        cursor.execute("SELECT to_regclass('left_open')")
        assert cursor.fetchone()[0] is None


def test_a_task_that_is_run_in_place_keeps_its_callers_connection(pooled: BaseDatabaseWrapper) -> None:
    backend(pooled)
    give_back(sender=EAGER)
    assert pooled.connection is not None
