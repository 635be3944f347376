"""The speed of the operations engine: operations of five steps that do nothing, against bare Celery tasks.

Both go through the same Valkey and the same worker processes, in one run on one machine; PostgreSQL is as durable as in
production. Statements are counted by PostgreSQL itself, from its log.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from pathlib import Path
from typing import Any

from tests.bench.apart import measured_apart

NAMES = ("engine_ratio", "engine_statements_per_step")
GOAL_RATIO, GOAL_STATEMENTS = 0.3, 4.0
OPERATIONS, TASKS, COUNTED, STEPS = 1_500, 4_000, 100, 5
WORKERS = 2


def run() -> list[dict[str, Any]]:
    """Return the entries `engine_ratio` and `engine_statements_per_step`, measured in a process of its own."""
    return measured_apart("tests.bench.engine", seconds=300)


def main() -> None:
    """Measure, and print the entries as one line of JSON."""
    from controlplane.embedded.database_user import database_user
    from controlplane.embedded.places import temporary_folder
    from controlplane.embedded.service import launch
    from tests.engine_stack import EngineStack, eventually, kill_group
    from tests.plugins.postgres import new_postgres

    user = database_user()
    base = temporary_folder(user, prefix="nesoi-bench-")
    server = new_postgres(base, user)
    log = base / "postgres.log"
    with log.open("wb") as output:
        database = launch(server.service(durable=True), output=output.fileno())
    stack = None
    try:
        eventually(server.is_ready)
        stack = EngineStack(server.url, LOG_LEVEL="INFO", STEP_LOG="")
        os.environ.update(stack.environment)
        print(json.dumps(_measure(stack, log, server.sockets)))
    finally:
        if stack is not None:
            stack.close()
        kill_group(database)
        shutil.rmtree(base, ignore_errors=True)


def _measure(stack: Any, log: Path, sockets: Path) -> list[dict[str, Any]]:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    import tests.engine_worker  # noqa: F401 - this process opens operations of the same flows
    from tests.engine_stack import kill_group

    bare_before = _bare_tasks_per_second(stack)
    _open(OPERATIONS)
    connection.close()
    worker_began = time.perf_counter()
    worker = stack.worker(WORKERS)
    engine = _operations_per_second(OPERATIONS)
    kill_group(worker)
    stack.flush()
    bare_after = _bare_tasks_per_second(stack)
    bare = (bare_before + bare_after) / 2  # a machine that gets busier meanwhile counts for both
    _open(COUNTED)
    _log_statements(sockets)
    before = log.stat().st_size
    worker = stack.worker(WORKERS)
    _operations_per_second(OPERATIONS + COUNTED)
    kill_group(worker)
    written = log.read_bytes()[before:].decode(errors="replace")
    statements = len(re.findall(r"LOG:  (?:statement|execute)", written)) / (COUNTED * STEPS)
    detail = {
        "operations_per_second": round(engine),
        "bare_tasks_per_second": [round(bare_before), round(bare_after)],
        "worker_processes": WORKERS,
        "steps": STEPS,
        "seconds_of_all": round(time.perf_counter() - worker_began, 1),
    }
    ratio = engine / bare
    return [
        _entry("engine_ratio", round(ratio, 3), "ratio", GOAL_RATIO, "least", ratio >= GOAL_RATIO, detail),
        _entry(
            "engine_statements_per_step",
            round(statements, 2),
            "statements",
            GOAL_STATEMENTS,
            "most",
            statements <= GOAL_STATEMENTS,
            {"operations": COUNTED, "steps": STEPS, "counted_by": "PostgreSQL's log"},
        ),
    ]


def _entry(
    name: str, value: float, unit: str, goal: float, at: str, holds: bool, detail: dict[str, Any]
) -> dict[str, Any]:
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "goal": goal,
        "at": at,
        "holds": holds,
        "detail": detail,
    }


def _bare_tasks_per_second(stack: Any) -> float:
    """Publish first, then let a fresh worker drain: the rate between a tenth and the end."""
    from provisioner.operations import transport
    from tests.engine_stack import eventually, kill_group
    from tests.engine_worker import bare

    for number in range(TASKS):
        bare.delay(str(number))
    worker = stack.worker(WORKERS)
    rate = _rate(lambda: TASKS - transport.depth(), TASKS)
    eventually(lambda: transport.depth() == 0)
    kill_group(worker)
    return rate


def _operations_per_second(total: int) -> float:
    from provisioner.operations.models import Operation

    return _rate(lambda: Operation.objects.filter(state="succeeded").count(), total)


def _rate(done: Any, total: int) -> float:
    """Return how many a second from the first sight behind a tenth until all are done."""
    first: tuple[float, int] | None = None
    end = time.monotonic() + 120
    while True:
        now, count = time.perf_counter(), done()
        if first is None and count >= total / 10:
            first = (now, count)
        if count >= total:
            return (count - first[1]) / (now - first[0]) if first and count > first[1] else 0.0
        if time.monotonic() > end:
            raise RuntimeError(f"only {count} of {total} within two minutes")
        time.sleep(0.1)  # looking must not cost what it measures


def _open(count: int) -> None:
    from controlplane.catalog.models import Plan
    from controlplane.tenants.access import SYSTEM
    from controlplane.tenants.models import Account, Tenant
    from controlplane.tenants.services import create_account, create_tenant
    from provisioner.landscapes.models import Landscape
    from tests import work, world

    if not Plan.objects.exists():
        world.load_catalog()
    landscape = Landscape.objects.first() or world.landscape("bench")
    tenant = Tenant.objects.first() or create_tenant(actor=SYSTEM, slug="bench", name="Bench")
    account = Account.objects.first() or create_account(
        actor=SYSTEM, tenant=tenant, slug="bench", name="Bench"
    )
    for _ in range(count):
        work.start(work.runtime(account, landscape))


def _log_statements(sockets: Path) -> None:
    """Let PostgreSQL log every statement of connections that open from now on."""
    import psycopg

    with psycopg.connect(f"host={sockets} user=postgres dbname=nesoi", autocommit=True) as link:
        link.execute("ALTER ROLE nesoi SET log_statement = 'all'")


if __name__ == "__main__":
    main()
