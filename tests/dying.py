"""A process that dies in the middle of its work: before its n-th word to the database, COPY among them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection


class Broken(Exception):  # noqa: N818
    """The process dies here."""


@contextmanager
def dying_before(number: int) -> Iterator[list[int]]:
    """Let the process die before its n-th statement; the list tells how many there were."""
    seen = [0]
    copy = psycopg.Cursor.copy

    def count() -> None:
        seen[0] += 1
        if seen[0] == number:
            raise Broken

    def run(execute: Any, *arguments: Any) -> Any:
        count()
        return execute(*arguments)

    def counted(*arguments: Any, **keywords: Any) -> Any:
        count()
        return copy(*arguments, **keywords)

    psycopg.Cursor.copy = counted  # type: ignore[method-assign]
    try:
        with connection.execute_wrapper(run):
            yield seen
    finally:
        psycopg.Cursor.copy = copy  # type: ignore[method-assign]
