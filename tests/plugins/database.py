"""One database is migrated and filled for a whole parallel run; each of its workers works on a copy.

Whoever comes first makes it, and the others wait. As a rule that is a process of the controller's, which begins while the
workers still read the tests. A run without workers makes its own database as pytest-django does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from pytest_django import DjangoDbBlocker

ROOT = Path(__file__).resolve().parents[2]
NAMED = "TEST_DATABASE_TEMPLATE"  # what the controller tells its workers
LOCK = 5_200_901  # of PostgreSQL's advisory ones: any number that nothing else takes


@pytest.hookimpl
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Begin before there are workers; whether this fails, they'll find out and say."""
    os.environ[NAMED] = f"test_nesoi_template_{os.getpid()}"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.plugins.database"], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )  # fmt: skip
    config.add_cleanup(lambda: _forget(process))


def _forget(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as link:
        link.execute(f"DROP DATABASE IF EXISTS {os.environ.pop(NAMED)} WITH (FORCE)".encode())


@pytest.fixture(scope="session")
def is_a_copy(django_db_keepdb: bool) -> bool:
    """Whether the database of this process is made from the template; one that is kept isn't."""
    return NAMED in os.environ and "PYTEST_XDIST_WORKER" in os.environ and not django_db_keepdb


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, is_a_copy: bool, django_db_blocker: DjangoDbBlocker
) -> None:
    """Let Django create this worker's database from the template."""
    if is_a_copy:
        from django.db import connection

        with django_db_blocker.unblock():
            make_template(os.environ[NAMED])
        connection.settings_dict["TEST"] |= {"TEMPLATE": os.environ[NAMED], "MIGRATE": False}


def make_template(name: str) -> None:
    """Make it, or wait for whoever does. It has its name only when it is whole."""
    from django.db import connection

    unfinished = f"{name}_unfinished"
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        cursor.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        if cursor.rowcount:
            return
        with _working_on(unfinished):
            connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
            fill()
            connection.close()
            connection.close_pool()  # type: ignore[attr-defined]
        cursor.execute(f"ALTER DATABASE {unfinished} RENAME TO {name}")


@contextmanager
def _working_on(name: str) -> Iterator[None]:
    from django.conf import settings
    from django.db import connection

    before, test = connection.settings_dict["NAME"], connection.settings_dict["TEST"]["NAME"]
    connection.settings_dict["TEST"]["NAME"] = name
    try:
        yield
    finally:
        connection.settings_dict["NAME"] = settings.DATABASES[connection.alias]["NAME"] = before
        connection.settings_dict["TEST"]["NAME"] = test


def fill() -> None:
    """Put in what every test finds: the reviewed catalog.

    Tests with transactions of their own end by emptying every table, which the audit trail refuses as it must: not here.
    """
    from django.db import connection

    from tests.world import load_catalog

    load_catalog()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tenants_auditevent DISABLE TRIGGER audit_events_stay")
        cursor.execute("ALTER TABLE tenants_auditseal DISABLE TRIGGER audit_seals_stay")


def empty_the_rest() -> None:
    """Empty what Django's own flush passes by, for it has no model: samples and hours; forget what this process knows of them."""
    from django.db import connection

    from billing.usage import interning, sources

    with connection.cursor() as cursor:
        for table in ("usage_slot", "usage_hour_block"):
            cursor.execute(f"SELECT EXISTS (SELECT FROM {table})")
            if cursor.fetchone() == (True,):
                cursor.execute(f"TRUNCATE {table}")
    sources.forget()
    interning.forget()


def end_sessions() -> None:
    """End whoever still has this process's database open, a test's thread perhaps: to drop it would wait five seconds."""
    from django.db import connection

    connection.close()
    with connection._nodb_cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND usename = current_user",
            [connection.settings_dict["NAME"]],
        )


def mend(culprit: str) -> bool:
    """Empty every table when the test before left rows behind, as it does when its own flush failed.

    Without this one such test takes every later one of its process with it. Whoever still holds locks is ended first.
    """
    from django.core.management import call_command
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM tenants_tenant) OR EXISTS (SELECT FROM landscapes_landscape)"
        )
        if cursor.fetchone() == (False,):
            return False
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'"
        )
    warnings.warn(f"{culprit} left rows behind; every table was emptied", stacklevel=2)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('ALTER TABLE %s %%s TRIGGER %I', tgrelid::regclass, tgname) FROM pg_trigger"
            " WHERE tgenabled = 'O' AND tgtype & 32 > 0 AND NOT tgisinternal"  # 32: of TRUNCATE
        )
        guards = [row[0] for row in cursor.fetchall()]
        for guard in guards:
            cursor.execute(guard % "DISABLE")
        call_command("flush", verbosity=0, interactive=False, allow_cascade=False, inhibit_post_migrate=True)
        for guard in guards:
            cursor.execute(guard % "ENABLE")
    return True


if __name__ == "__main__":
    import django

    django.setup()
    make_template(os.environ[NAMED])
