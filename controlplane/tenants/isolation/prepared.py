"""Prepared statements: how hot paths ask PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from django.db import connection, transaction
from psycopg.rows import dict_row

from controlplane.tenants.isolation.scopes import current_scope

_ONLY_WHEN_ASKED = (
    2**31
)  # executions after which psycopg prepares a statement by itself; Django turns preparing off


def rows(sql: str, params: Mapping[str, Any] | Sequence[Any]) -> list[dict[str, Any]]:
    """Run one statement of the hot path, prepared: planning these takes longer than running them.

    JSON columns come as text, as on every connection of Django. A pooler between must know prepared statements (PgBouncer from
    1.21 on). Inside a scope each statement needs a transaction, which begins with the scope's role: without one it sees nothing.
    """
    if current_scope() is not None and not connection.in_atomic_block:
        with transaction.atomic():
            return _run(sql, params)
    return _run(sql, params)


def _run(sql: str, params: Mapping[str, Any] | Sequence[Any]) -> list[dict[str, Any]]:
    connection.validate_no_broken_transaction()  # as every cursor of Django does: ours goes past them
    connection.ensure_connection()
    link = connection.connection
    if link.prepare_threshold is None:
        link.prepare_threshold = _ONLY_WHEN_ASKED
    with connection.wrap_database_errors, psycopg.Cursor(link, row_factory=dict_row) as cursor:
        cursor.execute(sql, params, prepare=True)
        result = cursor.pgresult  # `cursor.description` would make an object of every column
        return cursor.fetchall() if result is not None and result.nfields else []
