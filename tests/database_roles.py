"""Lets a part of a test work as another database role than the tables' owner."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from django.db import connection
from psycopg import pq

if TYPE_CHECKING:
    from controlplane.tenants.isolation.postgresql.base import DatabaseWrapper


@contextmanager
def acting_as(role: str) -> Iterator[None]:
    """Work as the role, in an open transaction or without one; a transaction that failed meanwhile is left alone."""
    ours = cast("DatabaseWrapper", connection)
    ours.ensure_connection()
    link = ours.connection
    if ours.in_atomic_block and link.pgconn.transaction_status == pq.TransactionStatus.IDLE:
        ours._say("BEGIN")  # else the end of the transaction would undo our way back
    ours._say(f"SET ROLE {role}")
    try:
        yield
    finally:
        usable = (pq.TransactionStatus.IDLE, pq.TransactionStatus.INTRANS)
        if ours.connection is link and link.pgconn.transaction_status in usable:
            ours._say("RESET ROLE")
