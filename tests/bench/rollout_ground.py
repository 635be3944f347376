"""What the benchmarks of rollouts stand on: a durable PostgreSQL of their own and a fleet of rows."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Ground:
    """A database that keeps what was committed, and its log."""

    url: str
    log: Path
    sockets: Path

    def log_statements(self, *, on: bool) -> None:
        """Let PostgreSQL log every statement of connections that open from now on, or no longer."""
        import psycopg

        with psycopg.connect(f"host={self.sockets} user=postgres dbname=nesoi", autocommit=True) as link:
            link.execute(f"ALTER ROLE nesoi SET log_statement = '{'all' if on else 'none'}'")

    def counted(self, since: int) -> int:
        """Statements in the log since an offset, transactions' own among them."""
        written = self.log.read_bytes()[since:].decode(errors="replace")
        return len(re.findall(r"LOG:  (?:statement|execute)", written))


@contextmanager
def ground(*, durable: bool = True) -> Iterator[Ground]:
    """A migrated database with the catalog, for this process; it is gone afterwards."""
    from controlplane.embedded.database_user import database_user
    from controlplane.embedded.places import temporary_folder
    from controlplane.embedded.service import launch
    from controlplane.sealing.keyfile import KeyFile
    from tests.engine_stack import eventually, kill_group
    from tests.plugins.postgres import _SETTINGS, new_postgres

    user = database_user()
    base = temporary_folder(user, prefix="nesoi-bench-")
    server = new_postgres(base, user)
    log = base / "postgres.log"
    with log.open("wb") as output:
        database = launch(server.service(durable=durable), output=output.fileno())
    try:
        eventually(server.is_ready)
        keys = base / "sealing.json"
        KeyFile(str(keys)).create()
        os.environ.update(
            {**_SETTINGS, "DATABASE_URL": server.url, "SEALING_KEY_FILE": str(keys), "LOG_LEVEL": "WARNING"}
        )
        _migrate()
        yield Ground(server.url, log, server.sockets)
    finally:
        kill_group(database)
        shutil.rmtree(base, ignore_errors=True)


def _migrate() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from tests.world import load_catalog

    call_command("migrate", verbosity=0)
    load_catalog()


def settle() -> None:
    """Let no autovacuum of what was just written run while something is measured."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")


def entry(
    name: str, value: float, unit: str, goal: float, at: str, detail: dict[str, Any], *, also: bool = True
) -> dict[str, Any]:
    """One line of the results."""
    holds = (value <= goal if at == "most" else value >= goal) and also
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "goal": goal,
        "at": at,
        "holds": holds,
        "detail": detail,
    }
