"""A settled fleet in bulk: rows copied from one runtime that went the whole way, its Shoot created again for each of them.

What stands in the end is what 10,000 requests would have left: every row with its operation, attempts and audit event, every
Shoot built by the landscape itself, every status written by the observer. Only the way there is shorter: nothing was put into the
clusters, so modules have no rows but the first one's, and when each is looked at next is spread as rounds before would have.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import aiohttp
import psutil
import psycopg

from tests.bench.fleet import as_superuser, in_database, stack_environment
from tests.plugins.simulator import SHOOTS
from tests.plugins.stack import Stack

CREATORS = 16
SETTLED = "SELECT count(*) FROM runtimes_runtime WHERE phase = 'ready' AND status ->> 'situation' = 'ready'"
STILL_SECONDS, REST_SECONDS, BUSY = 3.0, 240.0, 0.2  # of a processor
# Whose connection is in the middle of something, seen from the server: a process that stands still there keeps its locks.
IN_THE_MIDDLE = "SELECT pid, xact_start FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"

# Each copies the rows of the first runtime under names and ids of their own.
COPY = """INSERT INTO {table} (:columns)
SELECT :copied FROM {source}, jsonb_populate_record(NULL::{table}, to_jsonb(model) || {other}) copied"""
COPIES = (
    """CREATE TEMPORARY TABLE fleet AS
       SELECT n, uuidv7() AS runtime_id, uuidv7() AS operation_id, 'i' || lpad(n::text, 6, '0') AS cluster
       FROM generate_series(%(first)s::int, %(last)s::int) n""",
    COPY.format(
        table="runtimes_runtime",
        source="fleet, (SELECT * FROM runtimes_runtime ORDER BY id LIMIT 1) model",
        other="""jsonb_build_object('id', fleet.runtime_id, 'name', 'idle-' || n, 'cluster_name', cluster, 'status', '{}'::jsonb,
            'first_ready_at', now() - interval '1 day', 'status_at', NULL, 'landscape_version', '',
            'cluster_spec', model.cluster_spec || jsonb_build_object('name', cluster,
            'labels', model.cluster_spec -> 'labels' || jsonb_build_object('nesoi.dev/runtime', fleet.runtime_id)))""",
    ),
    COPY.format(
        table="operations_operation",
        source="fleet, (SELECT * FROM operations_operation ORDER BY id LIMIT 1) model",
        other="jsonb_build_object('id', fleet.operation_id, 'runtime_id', fleet.runtime_id)",
    ),
    COPY.format(
        table="operations_operationattempt",
        source="""fleet, (SELECT * FROM operations_operationattempt
            WHERE operation_id = (SELECT id FROM operations_operation ORDER BY id LIMIT 1)) model""",
        other="""jsonb_build_object('operation_id', fleet.operation_id,
            'id', nextval(pg_get_serial_sequence('operations_operationattempt', 'id')))""",
    ),
    COPY.format(
        table="tenants_auditevent",
        source="fleet, (SELECT * FROM tenants_auditevent WHERE action = 'runtime.create' ORDER BY id LIMIT 1) model",
        other="jsonb_build_object('id', uuidv7(), 'target_id', fleet.runtime_id)",
    ),
    # As rounds before would have left it, which found nothing: four rounds till the next, each at a moment of its own.
    """INSERT INTO findings_check (runtime_id, due_at, looked_at, partial, problem, quiet)
       SELECT runtime_id, now() + random() * interval '24 hours', now(), '[]', '', 2 FROM fleet""",
)


def order_first(stack: Stack) -> dict[str, Any]:
    """Order one runtime as a tenant does, and return its Shoot once it is ready: the model of all others."""
    (closed,) = stack.wait_closed([stack.order("idle-1")])
    assert closed["state"] == "succeeded", closed
    (shoot,) = stack.shoots().values()
    model: dict[str, Any] = shoot
    return model


def fill(stack: Stack, model: dict[str, Any], count: int) -> str:
    """Bring the fleet to `count` runtimes that stand still; return what does not rest even then, or an empty text."""
    present = int(in_database(stack, "SELECT count(*) FROM runtimes_runtime"))
    stack.simulator("PATCH", "/simulator/v1/settings", {"build_seconds": 0})
    # The observer would follow each Shoot through a dozen stages; so it lists them once.
    with stopped(stack, "observer"):
        owners = copy_rows(stack, present + 1, count)
        asyncio.run(create_shoots(stack, [shoot_like(model, *owner) for owner in owners]))
        stack.eventually(lambda: not moving(stack), seconds=300, every=1.0)
    stack.eventually(lambda: int(in_database(stack, SETTLED)) == count, seconds=300, every=1.0)
    with psycopg.connect(stack_environment(stack)["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")  # else PostgreSQL would do it by itself while we measure
    return come_to_rest(stack)


def come_to_rest(stack: Stack, seconds: float = REST_SECONDS) -> str:
    """Wait until no operation is open and no process is busy; return what is not so when the time is over, or an empty text."""
    deadline = time.monotonic() + seconds
    while True:
        still_open = int(
            in_database(stack, "SELECT count(*) FROM operations_operation WHERE slot IS NOT NULL")
        )
        restless = f"{still_open} operations are open" if still_open else ", ".join(busy(stack))
        if not restless or time.monotonic() > deadline:
            return restless


def written_since(stack: Stack, moment: str) -> int:
    """How many runtimes' rows were written since a moment of the database's clock."""
    newest = "greatest(status_at, updated_at)"
    return int(in_database(stack, f"SELECT count(*) FROM runtimes_runtime WHERE {newest} > '{moment}'"))


@contextmanager
def stopped(stack: Stack, name: str) -> Iterator[None]:
    """Let one of the services stand still for a while, at a moment when it holds no lock of the database."""
    pid = stack.pid(name)
    assert pid is not None
    for _ in range(50):
        os.kill(pid, signal.SIGSTOP)
        if not _in_the_middle(stack):
            break
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.2)
    else:
        raise AssertionError(f"{name} is always in the middle of a transaction")
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _in_the_middle(stack: Stack) -> bool:
    with as_superuser(stack) as connection:
        before = set(connection.execute(IN_THE_MIDDLE).fetchall())
        time.sleep(0.3)
        return bool(before & set(connection.execute(IN_THE_MIDDLE).fetchall()))


def copy_rows(stack: Stack, first: int, last: int) -> list[tuple[str, str, str]]:
    """Write the rows of these runtimes; return the names, runtimes and operations of their clusters."""
    with psycopg.connect(stack_environment(stack)["DATABASE_URL"]) as connection:
        for statement in COPIES:
            whole = _with_columns(connection, statement)
            connection.execute(whole, {"first": first, "last": last} if "%(" in whole else None)
        rows = connection.execute(
            "SELECT cluster, runtime_id::text, operation_id::text FROM fleet"
        ).fetchall()
    return [(cluster, runtime, operation) for cluster, runtime, operation in rows]


def _with_columns(connection: psycopg.Connection[Any], statement: str) -> LiteralString:
    """Name the columns that take a value: PostgreSQL works out the others by itself."""
    if table := re.match(r"INSERT INTO (\w+) ", statement):
        found = connection.execute(
            """SELECT column_name FROM information_schema.columns
            WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER' ORDER BY ordinal_position""",
            [table[1]],
        )
        names = [f'"{row[0]}"' for row in found]
        copied = ", ".join(f"copied.{name}" for name in names)
        statement = statement.replace(":columns", ", ".join(names)).replace(":copied", copied)
    return statement


def shoot_like(model: dict[str, Any], name: str, runtime: str, operation: str) -> dict[str, Any]:
    """Return the order of a Shoot as the driver would place it for another runtime."""
    metadata = model["metadata"]
    own = {key: value for key, value in metadata["labels"].items() if key.startswith("nesoi.dev/")}
    tags = {key: value for key, value in metadata["annotations"].items() if key.startswith("nesoi.dev/")}
    return {
        "apiVersion": model["apiVersion"],
        "kind": model["kind"],
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": {**own, "nesoi.dev/runtime": runtime},
            "annotations": {**tags, "nesoi.dev/operation": operation},
        },
        "spec": model["spec"],
    }


async def create_shoots(stack: Stack, shoots: list[dict[str, Any]]) -> None:
    """Create these, several at a time."""
    ready = json.loads((stack.state / "simulator" / "ready.json").read_text())
    headers = {"Authorization": f"Bearer {ready['admin_token']}", "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=ready["ca"]), limit=CREATORS)
    waiting = iter(shoots)
    async with aiohttp.ClientSession(ready["url"], headers=headers, connector=connector) as session:

        async def creator() -> None:
            for shoot in waiting:
                async with session.post(SHOOTS, data=json.dumps(shoot)) as answer:
                    assert answer.status == 201, await answer.text()

        await asyncio.gather(*(creator() for _ in range(CREATORS)))


def moving(stack: Stack) -> int:
    """How many Shoots the landscape is still building."""
    return int(stack.simulator("GET", "/simulator/v1/stats")["shoots_moving"])


def busy(stack: Stack) -> list[str]:
    """Which processes use more than a fifth of a processor; one that ends meanwhile, as a server's short ones do, is not busy."""
    assert stack.process is not None
    supervisor = psutil.Process(stack.process.pid)
    family = [supervisor, *supervisor.children(recursive=True)]
    before = [cpu_seconds(process) for process in family]
    time.sleep(STILL_SECONDS)
    shares = [
        (cpu_seconds(process) - used) / STILL_SECONDS for process, used in zip(family, before, strict=True)
    ]
    return [
        f"{_words(process)} {share:.0%}"
        for process, share in zip(family, shares, strict=True)
        if share > BUSY
    ]


def cpu_seconds(process: psutil.Process, *, ended: bool = False) -> float:
    """Processor time that a process has used, with that of children whose end it has seen (`ended`); 0 when it is gone."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    own = float(times.user + times.system)
    return own + float(times.children_user + times.children_system) if ended else own


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())[-60:]
    except psutil.Error:
        return f"process {process.pid}"
