"""What the benchmarks of a whole stack share: reaching into it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import psycopg

from controlplane.embedded.places import choose_places
from tests.plugins.stack import ROOT, Stack

ORDERING_CLIENTS = 4


def raise_quota(stack: Stack) -> None:
    """The demo's tenants are small; the benchmark's is not."""
    in_stack(
        stack,
        "import django; django.setup()\n"
        "from controlplane.tenants.models import Tenant\n"
        "print(Tenant.objects.update(runtime_quota=1_000_000))",
    )


def in_database(stack: Stack, query: str) -> Any:
    """One value from the stack's own PostgreSQL."""
    with psycopg.connect(stack_environment(stack)["DATABASE_URL"], autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    return row[0] if row else None


@contextmanager
def as_superuser(stack: Stack) -> Iterator[psycopg.Connection[Any]]:
    """A connection to the stack's own PostgreSQL that sees what everybody does there."""
    sockets = choose_places(stack.state).database_sockets
    with psycopg.connect(f"host={sockets} user=postgres dbname=nesoi", autocommit=True) as connection:
        yield connection


def stack_environment(stack: Stack) -> dict[str, str]:
    """The environment that the stack gave its worker."""
    pid = stack.pid("worker")
    return psutil.Process(pid).environ() if pid else {}


def in_stack(stack: Stack, program: str, *arguments: str) -> Any:
    """Run a program with the stack's settings, and return the JSON of its last line."""
    environment = {**stack_environment(stack), "DJANGO_SETTINGS_MODULE": "controlplane.config.settings"}
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])
